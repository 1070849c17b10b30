using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Results;
using CsCheck;

namespace BatchBus.Storage.Tests.Results;

public sealed class StoreResultsTests(StoreServer server) : StoreFixture(server)
{
    [Test]
    public Task What_did_not_succeed_is_read_back_as_it_was_submitted()
        => Gen.Select(Gen.Char["se."].Array[1, 120], Gen.Int[0, 3].Array[1, 120]).SampleAsync(
            async (outcomes, models) =>
            {
                var count = Math.Min(outcomes.Length, models.Length);
                var record = await BatchAsync(Enumerable.Range(0, count).Select(i => models[i] == 3 ? null : $"model-{models[i]}"));
                foreach (var lane in record.Lanes.Where(lane => lane.Model is not null))
                {
                    var results = (await Requests.ReadAsync(record.BatchId, lane.Number, 0, lane.Count))
                        .Select((request, position) => (Position: position, request.Index))
                        .Where(request => outcomes[request.Index] != '.')
                        .Select(request => (request.Position, Result(request.Index, outcomes[request.Index] == 's' ? RequestOutcome.Succeeded : RequestOutcome.Errored)))
                        .ToList();
                    if (results.Count > 0)
                    {
                        Assert.That(await Results.StoreAsync(new Page(record.BatchId, lane.Number, 0, 1), "tests", results), Is.EqualTo(StoreStatus.Stored));
                    }
                }

                var read = new List<(int Index, string CustomId, string Parameters)>();
                await foreach (var (_, request) in Results.NotSucceededAsync(record, CancellationToken.None))
                {
                    read.Add((request.Index, request.CustomId, System.Text.Encoding.UTF8.GetString(request.Parameters.Span)));
                }

                var expected = Enumerable.Range(0, count).Where(i => models[i] == 3 || outcomes[i] != 's').Select(i => (i, $"request-{i}", $$"""{"max_tokens":{{i}}}"""));
                Assert.That(read.Order(), Is.EqualTo(expected));
            },
            iter: 15,
            print: sample => $"{new string(sample.Item1)} {string.Join(' ', sample.Item2)}");

    [Test]
    public async Task Results_are_counted_together_with_being_stored()
    {
        var record = await BatchAsync(["a", "b", "a", "a"]);
        StoredResult[] results = [Result(0), Result(2, RequestOutcome.Errored), Result(3)];

        Assert.That(await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(0, results[0]), (1, results[1]), (2, results[2])]), Is.EqualTo(StoreStatus.Stored));

        var found = (await Batches.FindAsync(record.BatchId))!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(found.Tallies, Is.EqualTo(new[]
            {
                new LaneTally(2, 1, 305, 5, 21, TimeSpan.FromMicroseconds(750)),
                new LaneTally(0, 0, 0, 0, 0, TimeSpan.Zero),
            }));
            Assert.That(found.Unfinished, Is.EqualTo(1));
            Assert.That(await Results.FinishedAsync(record.BatchId, 0, 0, 3), Is.All.True);
            Assert.That(await Results.FinishedAsync(record.BatchId, 1, 0, 1), Is.All.False);
            Assert.That(
                (await Results.ReadAsync(record.BatchId, 0, 0, 3)).Select(entry => (entry.Position, entry.Result.Index, entry.Result.Outcome, Line(entry.Result))),
                Is.EqualTo(results.Select((result, position) => (position, result.Index, result.Outcome, Line(result)))));
        }
    }

    [Test]
    public async Task Token_sums_beyond_32_bits_are_kept()
    {
        var record = await BatchAsync(2);
        var result = Result(0) with { InputTokens = int.MaxValue, CachedTokens = int.MaxValue, OutputTokens = int.MaxValue, GpuMicroseconds = 1L << 40 };

        await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(0, result), (1, result)]);

        Assert.That(
            (await Batches.FindAsync(record.BatchId))!.Tallies[0],
            Is.EqualTo(new LaneTally(2, 0, 2L * int.MaxValue, 2L * int.MaxValue, 2L * int.MaxValue, TimeSpan.FromMicroseconds(1L << 41))));
    }

    [TestCase(new[] { 3 })]
    [TestCase(new[] { 2, 3, 4 })]
    [TestCase(new[] { 0, 1, 3 })]
    [TestCase(new[] { 3, 40, 70 })]
    public async Task A_second_result_is_refused_and_with_it_everything_of_that_call(int[] positions)
    {
        var record = await BatchAsync(80);
        await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(3, Result(3, RequestOutcome.Errored, "first"))]);
        var before = await Database.HashGetAllAsync(new BatchKeys(record.BatchId).Record);

        Assert.That(await StoreAsync(record.BatchId, positions), Is.EqualTo(StoreStatus.Taken));

        var stored = await Results.ReadAsync(record.BatchId, 0, 0, 80);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await Database.HashGetAllAsync(new BatchKeys(record.BatchId).Record), Is.EquivalentTo(before));
            Assert.That(stored.Select(entry => entry.Position), Is.EqualTo(new[] { 3 }));
            Assert.That(Line(stored[0].Result), Does.Contain("first"));
            Assert.That((await Results.FinishedAsync(record.BatchId, 0, 0, 80)).Count(finished => finished), Is.EqualTo(1));
        }
    }

    [Test]
    public async Task Only_the_holder_of_a_page_stores_its_results()
    {
        var record = await BatchAsync(8);
        var page = new Page(record.BatchId, 0, 0, 8);
        await Pages.LeaseAsync(page, "first", TimeSpan.Zero);
        Assert.That(await Results.StoreAsync(page, "first", [(0, Result(0))]), Is.EqualTo(StoreStatus.Stored), "a lapsed lease that nobody has taken is still its owner's");

        var lease = await Pages.LeaseAsync(page, "second", TimeSpan.FromMinutes(1));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(lease.Finished, Is.EqualTo(new[] { true, false, false, false, false, false, false, false }));
            Assert.That(await Results.StoreAsync(page, "first", [(1, Result(1))]), Is.EqualTo(StoreStatus.Lost));
            Assert.That(await Results.StoreAsync(page, "second", [(1, Result(1))]), Is.EqualTo(StoreStatus.Stored));
        }
    }

    [Test]
    public async Task Nothing_is_stored_once_the_batch_is_closed()
    {
        var record = await BatchAsync(2);
        await Batches.CloseAsync(record.BatchId, BatchEndReason.Expired);
        var before = await Database.HashGetAllAsync(new BatchKeys(record.BatchId).Record);

        Assert.That(await StoreAsync(record.BatchId, 0), Is.EqualTo(StoreStatus.Closed));

        Assert.That(await Database.HashGetAllAsync(new BatchKeys(record.BatchId).Record), Is.EquivalentTo(before));
        Assert.That(await Results.ReadAsync(record.BatchId, 0, 0, 2), Is.Empty);
    }

    [Test]
    public async Task Nothing_is_stored_of_a_batch_that_is_not_committed()
    {
        var upload = await Batches.BeginUploadAsync();
        await upload.AddAsync("m", yieldsToStage: false, Request(0));

        Assert.That(await StoreAsync(upload.BatchId, 0), Is.EqualTo(StoreStatus.Gone));
        Assert.That(await Database.KeyExistsAsync(new BatchKeys(upload.BatchId).Results(0)), Is.False);
    }

    [Test]
    public async Task A_compaction_that_a_crash_tore_shows_no_result_twice()
    {
        var record = await BatchAsync(80);
        for (var position = 0; position < 80; position++)
        {
            await StoreAsync(record.BatchId, position);
        }

        var before = await Database.HashGetAllAsync(new BatchKeys(record.BatchId).Results(0));
        await Results.CompactAsync(record.BatchId, 0, 20, [.. (await Results.ReadAsync(record.BatchId, 0, 20, 32)).Select(entry => entry.Result)]);
        await Database.HashSetAsync(new BatchKeys(record.BatchId).Results(0), [.. before.Where(entry => int.TryParse((string?)entry.Name, out var position) && position is > 20 and < 52)]);

        var read = await Results.ReadAsync(record.BatchId, 0, 0, 80);
        var lines = await Results.LinesAsync(record, CancellationToken.None).CountAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(read.Select(entry => entry.Position), Is.EqualTo(Enumerable.Range(0, 80)));
            Assert.That((await Results.ReadAsync(record.BatchId, 0, 30, 40)).Select(entry => entry.Position), Is.EqualTo(Enumerable.Range(30, 40)));
            Assert.That(lines, Is.EqualTo(80));
        }
    }

    [Test]
    public Task Whatever_positions_were_stored_any_range_reads_back_in_order()
        => Gen.Select(Gen.Int[0, 150].HashSet[0, 100], Gen.Int.Array[200], Gen.Select(Gen.Int[0, 150], Gen.Int[1, 150]).Array[1, 10]).SampleAsync(
            async (positions, draws, ranges) =>
            {
                var record = await BatchAsync(151);
                await StoreInCallsAsync(record.BatchId, positions, draws);

                foreach (var (from, asked) in ranges)
                {
                    var count = Math.Min(asked, 151 - from);
                    var expected = Enumerable.Range(from, count).Where(positions.Contains).ToList();
                    Assert.That((await Results.ReadAsync(record.BatchId, 0, from, count)).Select(entry => (entry.Position, entry.Result.Index)), Is.EqualTo(expected.Select(position => (position, position))));
                    Assert.That(await Results.FinishedAsync(record.BatchId, 0, from, count), Is.EqualTo(Enumerable.Range(from, count).Select(positions.Contains)));
                }
            },
            iter: 30);

    [Test]
    public Task Of_many_writers_of_overlapping_sets_each_request_gets_exactly_one_result_and_counts_equal_results()
        => Gen.Int.SampleAsync(
            async seed =>
            {
                const int count = 180;
                const int writers = 6;
                var models = Enumerable.Range(0, count).Select(index => index % 3 == 0 ? "a" : index % 3 == 1 ? "b" : "c").ToList();
                var record = await BatchAsync(models);
                var connections = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => StoreServers.ConnectAsync(Server)));

                var accepted = await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(() => WriteAsync(
                    new ResultStore(connections[writer % connections.Length], Requests), record, writer, new Random(seed + writer)))));

                var wins = accepted.SelectMany(keys => keys).ToList();
                Assert.That(wins.Select(win => (win.Lane, win.Position)).Distinct().Count(), Is.EqualTo(count), "every request has a result");
                Assert.That(wins, Has.Count.EqualTo(count), "no request was taken from two writers");
                var found = (await Batches.FindAsync(record.BatchId))!;
                foreach (var lane in found.Lanes)
                {
                    var stored = await Results.ReadAsync(record.BatchId, lane.Number, 0, lane.Count);
                    using (Assert.EnterMultipleScope())
                    {
                        Assert.That(stored.Select(entry => entry.Position), Is.EqualTo(Enumerable.Range(0, lane.Count)));
                        Assert.That(
                            stored.Select(entry => (entry.Position, Line(entry.Result).Contains($"writer {wins.Single(win => win.Lane == lane.Number && win.Position == entry.Position).Writer}\"", StringComparison.Ordinal))),
                            Is.EqualTo(stored.Select(entry => (entry.Position, true))),
                            "the result that was acknowledged is the one that stands");
                        Assert.That(found.Tallies[lane.Number], Is.EqualTo(new LaneTally(
                            stored.Count(entry => entry.Result.Outcome is RequestOutcome.Succeeded),
                            stored.Count(entry => entry.Result.Outcome is RequestOutcome.Errored),
                            stored.Sum(entry => (long)entry.Result.InputTokens),
                            stored.Sum(entry => (long)entry.Result.CachedTokens),
                            stored.Sum(entry => (long)entry.Result.OutputTokens),
                            TimeSpan.FromMicroseconds(stored.Sum(entry => entry.Result.GpuMicroseconds)))));
                    }
                }

                foreach (var connection in connections)
                {
                    await connection.DisposeAsync();
                }
            },
            iter: 8,
            threads: 1);

    private static string Line(in StoredResult result) => System.Text.Encoding.UTF8.GetString(result.Line.Span);

    /// <summary>Stores random sets until every request has a result; returns what was accepted.</summary>
    private static async Task<List<(int Lane, int Position, int Writer)>> WriteAsync(ResultStore results, BatchRecord record, int writer, Random random)
    {
        var accepted = new List<(int, int, int)>();
        while (true)
        {
            var open = new List<(int Lane, int Position)>();
            foreach (var lane in record.Lanes)
            {
                var finished = await results.FinishedAsync(record.BatchId, lane.Number, 0, lane.Count);
                open.AddRange(Enumerable.Range(0, lane.Count).Where(position => !finished[position]).Select(position => (lane.Number, position)));
            }

            if (open.Count == 0)
            {
                return accepted;
            }

            var chosen = open[random.Next(open.Count)].Lane;
            var positions = open.Where(entry => entry.Lane == chosen).Select(entry => entry.Position).OrderBy(_ => random.Next()).Take(random.Next(1, 12)).Order().ToList();
            var status = await results.StoreAsync(new Page(record.BatchId, chosen, 0, 1), "tests", [.. positions.Select(position => (
                position, Result((position * 3) + chosen, random.Next(4) == 0 ? RequestOutcome.Errored : RequestOutcome.Succeeded, $"writer {writer}")))]);
            if (status is StoreStatus.Stored)
            {
                accepted.AddRange(positions.Select(position => (chosen, position, writer)));
            }
        }
    }

    /// <summary>Stores results in calls of random sizes, in random order, some of them with gaps.</summary>
    private async Task StoreInCallsAsync(Guid batchId, IEnumerable<int> positions, int[] draws)
    {
        var calls = positions.GroupBy(position => (uint)draws[position / 4] % 8).OrderBy(call => draws[call.Key]);
        foreach (var call in calls)
        {
            Assert.That(await StoreAsync(batchId, [.. call.Order()]), Is.EqualTo(StoreStatus.Stored));
        }
    }
}
