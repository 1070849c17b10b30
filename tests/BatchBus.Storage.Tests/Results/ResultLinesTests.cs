using System.Text.Json;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using CsCheck;

namespace BatchBus.Storage.Tests.Results;

public sealed class ResultLinesTests(StoreServer server) : StoreFixture(server)
{
    private static readonly Gen<RequestOutcome?> Outcomes = Gen.OneOf<RequestOutcome?>(RequestOutcome.Succeeded, RequestOutcome.Errored, null);

    /// <summary>Long runs of one kind make blocks that fill windows and reach beyond them; single ones make gaps.</summary>
    private static readonly Gen<List<(string? Model, RequestOutcome? Outcome)>> Batch = Gen
        .Select(Gen.OneOf<string?>("a", "a", "b", null), Outcomes, Gen.Frequency((3, Gen.Int[1, 3]), (1, Gen.Int[20, 70])))
        .List[1, 25]
        .Select(runs => runs.SelectMany(run => Enumerable.Repeat((run.Item1, run.Item1 is null ? null : run.Item2), run.Item3)).ToList());

    [Test]
    public Task A_closed_batch_has_one_line_per_request_in_the_order_of_submission()
        => Gen.Select(Batch, Gen.Int[1, 40].Array[1, 20], Gen.OneOf(BatchEndReason.Canceled, BatchEndReason.Expired), Gen.Int).SampleAsync(
            async (batch, sizes, reason, seed) =>
            {
                var record = await BatchAsync(batch.Select(request => request.Model));
                await StoreAsync(record, batch, sizes, new Random(seed));
                await Batches.CloseAsync(record.BatchId, reason, force: true);
                var closed = (await Batches.FindAsync(record.BatchId))!;

                var lines = await LinesAsync(closed);

                Assert.That(lines.Select(line => (line.CustomId, line.Type)), Is.EqualTo(batch.Select((request, index) => ($"request-{index}", request switch
                {
                    (null, _) or (_, RequestOutcome.Errored) => "errored",
                    (_, RequestOutcome.Succeeded) => "succeeded",
                    _ => reason is BatchEndReason.Canceled ? "canceled" : "expired",
                }))));
                Assert.That(
                    new BatchCounts
                    {
                        Succeeded = lines.Count(line => line.Type == "succeeded"),
                        Errored = lines.Count(line => line.Type == "errored"),
                        Canceled = lines.Count(line => line.Type == "canceled"),
                        Expired = lines.Count(line => line.Type == "expired"),
                    },
                    Is.EqualTo(closed.FinalCounts));
            },
            iter: 40);

    [Test]
    public async Task A_request_that_could_be_routed_nowhere_has_the_whole_error_response_in_its_line()
    {
        var upload = await Batches.BeginUploadAsync();
        await upload.AddAsync(null, yieldsToStage: false, new StoredRequest(0, "naïve \"id\" 😀", 1, "There is no model \"x\";\nname one.", "{}"u8.ToArray()));
        var record = (await Batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(1)))!;
        await Batches.CloseAsync(record.BatchId, BatchEndReason.Completed);

        var (customId, _, json) = (await LinesAsync((await Batches.FindAsync(record.BatchId))!)).Single();

        var error = json.GetProperty("result").GetProperty("error");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(customId, Is.EqualTo("naïve \"id\" 😀"));
            Assert.That(error.GetProperty("type").GetString(), Is.EqualTo("error"));
            Assert.That(error.GetProperty("error").GetProperty("type").GetString(), Is.EqualTo("not_found_error"));
            Assert.That(error.GetProperty("error").GetProperty("message").GetString(), Is.EqualTo("There is no model \"x\";\nname one."));
            Assert.That(error.GetProperty("request_id").GetString(), Does.Match("^req_[0-9A-Za-z_]+_0$"));
        }
    }

    [Test]
    public async Task Stored_lines_come_out_byte_by_byte()
    {
        var record = await BatchAsync(2);
        var line = ResultLine.Succeeded("request-0", """{"text":"a\nb é 😀","n":1.50}"""u8);
        await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(0, Result(0) with { Line = line })]);
        await Batches.CloseAsync(record.BatchId, BatchEndReason.Canceled);

        var lines = new List<string>();
        await foreach (var next in Results.LinesAsync((await Batches.FindAsync(record.BatchId))!, CancellationToken.None))
        {
            lines.Add(System.Text.Encoding.UTF8.GetString(next.Span));
        }

        Assert.That(lines, Is.EqualTo(new[]
        {
            """{"custom_id":"request-0","result":{"type":"succeeded","message":{"text":"a\nb é 😀","n":1.50}}}""" + "\n",
            """{"custom_id":"request-1","result":{"type":"canceled"}}""" + "\n",
        }));
    }

    [Test]
    public async Task A_reader_that_goes_away_ends_the_stream()
    {
        var record = await BatchAsync(200);
        await Batches.CloseAsync(record.BatchId, BatchEndReason.Canceled);
        var closed = (await Batches.FindAsync(record.BatchId))!;
        using var away = new CancellationTokenSource();
        var read = 0;

        Assert.That(
            async () =>
            {
                await foreach (var _ in Results.LinesAsync(closed, away.Token))
                {
                    read++;
                    await away.CancelAsync();
                }
            },
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(read, Is.InRange(1, ResultStore.MaxBlock));
    }

    [Test]
    public async Task Large_and_small_results_and_requests_without_one_come_out_in_order()
    {
        const int Count = 300;
        var upload = await Batches.BeginUploadAsync();
        for (var i = 0; i < Count; i++)
        {
            await upload.AddAsync("m", yieldsToStage: false, Request(i) with { Parameters = Noise(i, i % 50 == 7 ? 1_200_000 : i % 9 * 20_000) });
        }

        var record = (await Batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(1)))!;
        var stored = new Dictionary<int, StoredResult>();
        for (var i = 0; i < Count; i += i % 7 == 0 ? 1 : 3)
        {
            stored[i] = Result(i, author: Convert.ToHexString(Noise(i, i % 40 == 6 ? 800_000 : i % 5 * 15_000)));
            Assert.That(await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(i, stored[i])]), Is.EqualTo(StoreStatus.Stored));
        }

        await Batches.CloseAsync(record.BatchId, BatchEndReason.Canceled);

        var index = 0;
        await foreach (var line in Results.LinesAsync((await Batches.FindAsync(record.BatchId))!, CancellationToken.None))
        {
            var expected = stored.TryGetValue(index, out var result)
                ? result.Line
                : System.Text.Encoding.UTF8.GetBytes($$$"""{"custom_id":"request-{{{index}}}","result":{"type":"canceled"}}""" + "\n");
            Assert.That(line.Span.SequenceEqual(expected.Span), $"line {index}");
            index++;
        }

        Assert.That(index, Is.EqualTo(Count));
    }

    private static byte[] Noise(int seed, int length)
    {
        var noise = new byte[length];
        new Random(seed).NextBytes(noise);
        return noise;
    }

    /// <summary>Stores what has an outcome: consecutive positions in blocks of the given sizes, in random order.</summary>
    private async Task StoreAsync(BatchRecord record, List<(string? Model, RequestOutcome? Outcome)> batch, int[] sizes, Random random)
    {
        foreach (var lane in record.Lanes.Where(lane => lane.Model is not null))
        {
            var entries = batch
                .Select((request, index) => (request.Model, request.Outcome, Index: index))
                .Where(request => request.Model == lane.Model)
                .Select((request, position) => (position, request.Outcome, request.Index))
                .Where(request => request.Outcome is not null)
                .Select(request => (request.position, Result(request.Index, request.Outcome!.Value)))
                .ToList();
            var calls = new List<List<(int, StoredResult)>>();
            for (var next = 0; entries.Count > 0; next++)
            {
                var size = Math.Min(entries.Count, sizes[next % sizes.Length]);
                calls.Add(entries[..size]);
                entries.RemoveRange(0, size);
            }

            foreach (var call in calls.OrderBy(_ => random.Next()))
            {
                Assert.That(await Results.StoreAsync(new Page(record.BatchId, lane.Number, 0, 1), "tests", call), Is.EqualTo(StoreStatus.Stored));
            }
        }
    }

    /// <summary>Reads the file, and checks that every line is one JSON object and one line feed.</summary>
    private async Task<List<(string CustomId, string Type, JsonElement Json)>> LinesAsync(BatchRecord closed)
    {
        var lines = new List<(string, string, JsonElement)>();
        await foreach (var line in Results.LinesAsync(closed, CancellationToken.None))
        {
            Assert.That(line.Span.IndexOf((byte)'\n'), Is.EqualTo(line.Length - 1));
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement.Clone();
            Assert.That(root.EnumerateObject().Select(property => property.Name), Is.EqualTo(new[] { "custom_id", "result" }));
            lines.Add((root.GetProperty("custom_id").GetString()!, root.GetProperty("result").GetProperty("type").GetString()!, root));
        }

        return lines;
    }
}
