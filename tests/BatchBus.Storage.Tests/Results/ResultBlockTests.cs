using BatchBus.Contracts;
using BatchBus.Storage.Results;
using CsCheck;

namespace BatchBus.Storage.Tests.Results;

public sealed class ResultBlockTests
{
    private static readonly Gen<int> Counts = Gen.Select(Gen.Int[0, int.MaxValue], Gen.Int[0, 30]).Select((value, shift) => value >> shift);

    private static readonly Gen<StoredResult[]> Blocks = Gen
        .Select(
            Gen.Select(Counts, Gen.OneOf("a", "名前-😀"), Gen.OneOf(RequestOutcome.Succeeded, RequestOutcome.Errored)),
            Gen.Select(Counts, Counts, Counts, Gen.Long[0, long.MaxValue]),
            Gen.Byte.Array[0, 2_000])
        .Select((request, usage, line) => new StoredResult(
            request.Item1, request.Item2, request.Item3, usage.Item1, usage.Item2, usage.Item3, usage.Item4, line))
        .Array[0, ResultStore.MaxBlock];

    [Test]
    public void Lines_alone_are_those_of_the_whole_block()
        => Blocks.Sample(block => Assert.That(
            ResultBlock.ReadLines(Payload.Unpack(ResultBlock.Pack(new PayloadWriter(), block))).Select(line => (line.Index, Convert.ToHexString(line.Line.Span))),
            Is.EqualTo(block.Select(result => (result.Index, Convert.ToHexString(result.Line.Span))))));

    [Test]
    public void A_block_is_read_as_it_was_written()
        => Blocks.Sample(block =>
        {
            var read = ResultBlock.Read(ResultBlock.Pack(new PayloadWriter(), block));

            Assert.That(read.Select(Comparable), Is.EqualTo(block.Select(Comparable)));
        });

    [Test]
    public void One_writer_serves_block_after_block()
        => Gen.Select(Blocks, Blocks).Sample((first, second) =>
        {
            var writer = new PayloadWriter();
            ResultBlock.Pack(writer, first);

            Assert.That(ResultBlock.Pack(writer, second), Is.EqualTo(ResultBlock.Pack(new PayloadWriter(), second)));
        });

    [Test]
    public void A_damaged_block_throws_InvalidDataException_and_nothing_else()
        => Gen.Select(Blocks, PayloadTests.Damage).Sample(
            (block, damage) => PayloadTests.ThrowsOnlyInvalidData(
                () => ResultBlock.Read(Payload.Pack(damage.Apply(Payload.Unpack(ResultBlock.Pack(new PayloadWriter(), block)).ToArray())))),
            iter: 3_000);

    private static object Comparable(StoredResult result)
        => (result.Index, result.CustomId, result.Outcome, result.InputTokens, result.CachedTokens, result.OutputTokens, result.GpuMicroseconds,
            Convert.ToHexString(result.Line.Span));
}
