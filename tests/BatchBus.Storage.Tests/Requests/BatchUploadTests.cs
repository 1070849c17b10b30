using BatchBus.Storage.Batches;
using BatchBus.Storage.Requests;
using CsCheck;
using StackExchange.Redis;

namespace BatchBus.Storage.Tests.Requests;

public sealed class BatchUploadTests(StoreServer server) : StoreFixture(server)
{
    private const int Largest = 1_600_000;

    private static readonly byte[] Noise = MakeNoise();

    private static readonly Gen<int> Sizes = Gen.Frequency(
        (30, Gen.Int[0, 300]),
        (3, Gen.Int[50_000, 600_000]),
        (1, Gen.Int[RequestChunk.MaxBytes - 40, RequestChunk.MaxBytes + 40]),
        (1, Gen.Int[RequestChunk.MaxBytes, Largest]));

    [Test]
    public Task Chunks_keep_to_their_aligned_windows_and_to_about_one_megabyte()
        => Gen.Select(Sizes, Gen.Int[0, 1]).List[1, 110].SampleAsync(
            async requests =>
            {
                var record = await CommitAsync(requests);
                foreach (var lane in record.Lanes)
                {
                    var chunks = (await Database.HashGetAllAsync(new BatchKeys(record.BatchId).Requests(lane.Number)))
                        .Select(entry => (From: (int)entry.Name, Requests: RequestChunk.Read((byte[])entry.Value!)))
                        .OrderBy(chunk => chunk.From)
                        .ToList();
                    Assert.That(chunks.Sum(chunk => chunk.Requests.Count), Is.EqualTo(lane.Count));
                    for (var i = 0; i < chunks.Count; i++)
                    {
                        var (from, stored) = chunks[i];
                        var end = from + stored.Count;
                        var next = i + 1 < chunks.Count ? chunks[i + 1].Requests[0].Parameters.Length : 0;
                        using (Assert.EnterMultipleScope())
                        {
                            Assert.That(from, Is.EqualTo(chunks.Take(i).Sum(chunk => chunk.Requests.Count)), "chunks follow each other");
                            Assert.That((end - 1) / RequestChunk.MaxRequests, Is.EqualTo(from / RequestChunk.MaxRequests), "a chunk crosses a multiple of 32");
                            Assert.That(stored.Count == 1 || stored.All(request => request.Parameters.Length < RequestChunk.MaxBytes), "a large request is not alone");
                            Assert.That(stored.Count == 1 || Written(stored) <= RequestChunk.MaxBytes + 100, "a chunk is too large");
                            Assert.That(
                                end == lane.Count || end % RequestChunk.MaxRequests == 0 || Written(stored) + next >= RequestChunk.MaxBytes,
                                "a chunk ends without need");
                        }
                    }
                }
            },
            iter: 15,
            print: requests => string.Join(' ', requests));

    [Test]
    public Task Any_range_of_any_lane_reads_back_as_exactly_its_requests_in_order()
        => Gen.Select(Gen.Select(Sizes, Gen.Int[0, 2]).List[1, 150], Gen.Select(Gen.Int[0, 160], Gen.Int[1, 160]).Array[1, 12]).SampleAsync(
            async (requests, ranges) =>
            {
                var record = await CommitAsync(requests);
                var submitted = requests.Select((request, index) => (Index: index, Size: request.Item1, Model: $"model-{request.Item2}")).ToList();
                foreach (var lane in record.Lanes)
                {
                    var expected = submitted.Where(request => request.Model == lane.Model).ToList();
                    Assert.That(lane, Has.Property("Count").EqualTo(expected.Count).And.Property("Bytes").EqualTo(expected.Sum(request => (long)request.Size)));
                    foreach (var (from, count) in ranges)
                    {
                        var read = await Requests.ReadAsync(record.BatchId, lane.Number, from, count);

                        Assert.That(
                            read.Select(request => (request.Index, request.Parameters.Length)),
                            Is.EqualTo(expected.Skip(from).Take(count).Select(request => (request.Index, request.Size))));
                        Assert.That(read.All(request => request.Parameters.Span.SequenceEqual(Parameters(request.Index, request.Parameters.Length))));
                    }
                }
            },
            iter: 15,
            print: sample => $"{string.Join(' ', sample.Item1)} read {string.Join(' ', sample.Item2)}");

    [Test]
    public async Task Requests_are_kept_with_their_names_rules_and_failures()
    {
        var upload = await Batches.BeginUploadAsync();
        await upload.AddAsync("m", yieldsToStage: false, new StoredRequest(0, "名前-😀", 3, "", "{}"u8.ToArray()));
        await upload.AddAsync(null, yieldsToStage: false, new StoredRequest(1, "b", 4, "There is no \"x\".", ReadOnlyMemory<byte>.Empty));
        var record = (await Batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(1)))!;

        var routed = (await Requests.ReadAsync(record.BatchId, 0, 0, 1)).Single();
        var unroutable = (await Requests.ReadAsync(record.BatchId, 1, 0, 1)).Single();

        using (Assert.EnterMultipleScope())
        {
            Assert.That((routed.Index, routed.CustomId, routed.Rule, routed.Failure), Is.EqualTo((0, "名前-😀", (byte)3, "")));
            Assert.That(routed.Parameters.ToArray(), Is.EqualTo("{}"u8.ToArray()));
            Assert.That((unroutable.Index, unroutable.CustomId, unroutable.Rule, unroutable.Failure), Is.EqualTo((1, "b", (byte)4, "There is no \"x\".")));
            Assert.That(unroutable.Parameters.IsEmpty);
        }
    }

    [Test]
    public Task Any_request_is_found_by_its_name_and_no_other()
        => Gen.Select(Gen.Select(Sizes, Gen.Int[0, 2]).List[1, 150], Gen.Int[0, 149]).SampleAsync(
            async (requests, any) =>
            {
                var record = await CommitAsync(requests);
                var index = any % requests.Count;

                var found = (await Requests.FindAsync(record, $"request-{index}", CancellationToken.None))!;

                var stored = (await Requests.ReadAsync(record.BatchId, found.Lane.Number, found.Position, 1)).Single();
                using (Assert.EnterMultipleScope())
                {
                    Assert.That((stored.Index, stored.CustomId), Is.EqualTo((index, $"request-{index}")));
                    Assert.That(found.Request with { Parameters = stored.Parameters }, Is.EqualTo(stored));
                    Assert.That(await Requests.FindAsync(record, "request-", CancellationToken.None), Is.Null);
                }
            },
            iter: 10,
            print: sample => string.Join(' ', sample.Item1));

    [Test]
    public async Task Each_model_and_each_way_of_yielding_has_its_own_lane()
    {
        var upload = await Batches.BeginUploadAsync();
        foreach (var (model, yields) in new[] { ("a", true), ("b", true), ("a", false), (null, true), ("a", true), (null, false) })
        {
            await upload.AddAsync(model, yields, Request(upload.Count));
        }

        var record = (await Batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(1)))!;

        Assert.That(
            record.Lanes.Select(lane => (lane.Number, lane.Model, lane.StageRouted, lane.Count)),
            Is.EqualTo(new[] { (0, "a", false, 2), (1, "b", false, 1), (2, "a", false, 1), (3, (string?)null, false, 1), (4, null, false, 1) }));
        Assert.That((await Requests.ReadAsync(record.BatchId, 0, 0, 2)).Select(request => request.Index), Is.EqualTo(new[] { 0, 4 }));
    }

    [Test]
    public async Task A_stage_of_the_whole_batch_overrules_the_lanes_that_yield_and_no_others()
    {
        var upload = await Batches.BeginUploadAsync();
        foreach (var (model, yields) in new[] { ("a", true), ("a", false), (null, true), (null, false) })
        {
            await upload.AddAsync(model, yields, Request(upload.Count, "There is no such model."));
        }

        var record = (await Batches.CommitAsync(upload, "acme", "polish", "b", TimeSpan.FromHours(1)))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(record.Stage, Is.EqualTo("polish"));
            Assert.That(
                record.Lanes.Select(lane => (lane.Model, lane.StageRouted)),
                Is.EqualTo(new[] { ("b", true), ("a", false), ("b", true), ((string?)null, false) }));
            Assert.That(record.Errored, Is.EqualTo(1), "only the request that even the stage does not route is errored");
        }
    }

    [Test]
    public async Task A_chunk_that_could_not_be_written_keeps_the_upload_from_ever_being_committed()
    {
        var upload = await Batches.BeginUploadAsync();
        await upload.AddAsync("m", yieldsToStage: false, Request(0));
        var requests = new BatchKeys(upload.BatchId).Requests(0);
        await Database.StringSetAsync(requests, "in the way");

        Assert.That(CommitAsync, Throws.InstanceOf<RedisException>());
        await Database.KeyDeleteAsync(requests);
        Assert.That(CommitAsync, Throws.InstanceOf<RedisException>(), "the chunk is still missing");
        Assert.That(await Batches.FindAsync(upload.BatchId), Is.Null);

        Task<BatchRecord?> CommitAsync() => Batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(1));
    }

    private static int Written(List<StoredRequest> stored)
    {
        var writer = new PayloadWriter();
        stored.ForEach(request => RequestChunk.Append(writer, request));
        return writer.Length;
    }

    private static ReadOnlySpan<byte> Parameters(int index, int length) => Noise.AsSpan(index, length);

    private static byte[] MakeNoise()
    {
        var noise = new byte[Largest + 1_000];
        new Random(1).NextBytes(noise);
        return noise;
    }

    /// <summary>Commits a batch of requests of the given sizes, each to the model of its number.</summary>
    private async Task<BatchRecord> CommitAsync(List<(int Size, int Model)> requests)
    {
        var upload = await Batches.BeginUploadAsync();
        foreach (var (size, model) in requests)
        {
            var index = upload.Count;
            await upload.AddAsync(
                $"model-{model}", yieldsToStage: false, new StoredRequest(index, $"request-{index}", 1, "", Parameters(index, size).ToArray()));
        }

        return (await Batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(1)))!;
    }
}
