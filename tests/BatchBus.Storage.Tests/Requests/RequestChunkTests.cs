using BatchBus.Storage.Requests;
using CsCheck;

namespace BatchBus.Storage.Tests.Requests;

public sealed class RequestChunkTests
{
    private static readonly Gen<StoredRequest[]> Chunks = Gen
        .Select(Gen.Int[0, int.MaxValue], Gen.OneOf("a", "名前-😀", new string('x', 64)), Gen.Byte, Gen.OneOf("", "Unknown model \"é\"."), Gen.Byte.Array[0, 2_000])
        .Select((index, customId, rule, failure, parameters) => new StoredRequest(index, customId, rule, failure, parameters))
        .Array[0, RequestChunk.MaxRequests];

    [Test]
    public void A_chunk_is_read_as_it_was_written()
        => Chunks.Sample(chunk =>
        {
            var read = RequestChunk.Read(Pack(chunk));

            Assert.That(read.Select(Comparable), Is.EqualTo(chunk.Select(Comparable)));
        });

    [Test]
    public void A_damaged_chunk_throws_InvalidDataException_and_nothing_else()
        => Gen.Select(Chunks, PayloadTests.Damage).Sample(
            (chunk, damage) => PayloadTests.ThrowsOnlyInvalidData(() => RequestChunk.Read(Payload.Pack(damage.Apply(Payload.Unpack(Pack(chunk)).ToArray())))),
            iter: 3_000);

    private static byte[] Pack(StoredRequest[] chunk)
    {
        var writer = new PayloadWriter();
        foreach (var request in chunk)
        {
            RequestChunk.Append(writer, request);
        }

        return Payload.Pack(writer.Written);
    }

    private static object Comparable(StoredRequest request)
        => (request.Index, request.CustomId, request.Rule, request.Failure, Convert.ToHexString(request.Parameters.Span));
}
