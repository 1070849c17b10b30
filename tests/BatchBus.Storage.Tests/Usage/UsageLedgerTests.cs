using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Fleet;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Usage;
using CsCheck;
using Microsoft.Extensions.Options;

namespace BatchBus.Storage.Tests.Usage;

public sealed class UsageLedgerTests(StoreServer server) : StoreFixture(server)
{
    private static readonly string[] Models = ["a", "b"];

    private string _workspace = null!;
    private FleetStore _fleet = null!;
    private UsageLedger _ledger = null!;

    private DateOnly Today => DateOnly.FromDateTime(Time.GetUtcNow().UtcDateTime);

    [SetUp]
    public void CreateLedger() => CreateLedger(new UsageOptions());

    [Test]
    public async Task Usage_counts_on_the_day_of_the_end_by_model_and_stays_when_the_batch_is_deleted()
    {
        var early = await BatchAsync("a", "b", "a", null);
        await Results.StoreAsync(new Page(early.BatchId, 0, 0, 1), "tests", [(0, Result(0)), (1, Result(2, RequestOutcome.Errored))]);
        await Results.StoreAsync(new Page(early.BatchId, 1, 0, 1), "tests", [(0, Result(1))]);
        await EndAsync(early);
        Time.Advance(TimeSpan.FromDays(1));
        var late = await BatchAsync("a");
        await Results.StoreAsync(new Page(late.BatchId, 0, 0, 1), "tests", [(0, Result(0))]);
        await EndAsync(late);

        await Batches.DeleteAsync(await ReadAsync(early));

        var one = Tally(0);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await ReadAsync(), Is.EqualTo(new[]
            {
                new DailyUsage(Today.AddDays(-1), "a", one + Tally(2) with { Succeeded = 0, Errored = 1 }),
                new DailyUsage(Today.AddDays(-1), "b", Tally(1)),
                new DailyUsage(Today, "a", one),
            }));
            Assert.That(await _ledger.ReadAsync(_workspace, Today, Today, Models), Is.EqualTo(new[] { new DailyUsage(Today, "a", one) }));
            Assert.That(await _ledger.ReadAsync($"{_workspace}:x", Today, Today, Models), Is.Empty, "another workspace");
        }
    }

    [Test]
    public async Task An_open_batch_counts_so_far_on_the_present_day()
    {
        var record = await BatchAsync("a", "a");
        await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(1, Result(1))]);

        Time.Advance(TimeSpan.FromDays(1));

        Assert.That(await ReadAsync(), Is.EqualTo(new[] { new DailyUsage(Today, "a", Tally(1)) }));
    }

    [Test]
    public async Task A_batch_is_recorded_only_once_it_is_closed()
    {
        var record = await BatchAsync("a");

        Assert.That(() => _ledger.RecordAsync(record), Throws.ArgumentException);
    }

    [Test]
    public async Task A_day_is_kept_for_its_retention_however_often_it_is_recorded()
    {
        CreateLedger(new UsageOptions { UsageRetention = TimeSpan.FromDays(3) });
        var record = await BatchAsync("a");
        await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(0, Result(0))]);
        await EndAsync(record);
        var key = $"batchbus:usage:{_workspace}:{Today:yyyy-MM-dd}";

        Time.Advance(TimeSpan.FromDays(1));
        await _ledger.RecordAsync(await ReadAsync(record));

        Assert.That(await Database.KeyTimeToLiveAsync(key), Is.GreaterThan(TimeSpan.FromDays(3)).And.LessThanOrEqualTo(TimeSpan.FromDays(4)));
    }

    [Test]
    public Task In_whatever_order_steps_are_taken_repeated_and_left_out_the_sum_is_that_of_the_results()
        => Gen.Select(Gen.Int[1, 3], Gen.Select(Gen.Int[0, 2], Gen.Int[0, 5], Gen.Int[0, 7]).Array[1, 25]).SampleAsync(
            async (count, steps) =>
            {
                CreateLedger(new UsageOptions());
                var lives = new List<Life>();
                for (var i = 0; i < count; i++)
                {
                    lives.Add(new Life(await BatchAsync("a", "b", null, "a", "b", "a", "a", "b")));
                }

                foreach (var (which, step, draw) in steps)
                {
                    await StepAsync(lives[which % count], step, draw);

                    var expected = lives.SelectMany(life => life.Results).GroupBy(result => result.Model).OrderBy(results => results.Key, StringComparer.Ordinal)
                        .Select(results => new DailyUsage(Today, results.Key, LaneTally.Sum(results.Select(result => result.Tally))));
                    Assert.That(await ReadAsync(), Is.EqualTo(expected), $"after step {step}");
                }
            },
            iter: 60,
            threads: 1);

    /// <summary>A batch that has left the fleet was recorded before, as its end demands; all else may come at any time, and again.</summary>
    private async Task StepAsync(Life life, int step, int draw)
    {
        switch (step)
        {
            case 0 or 1:
                var lane = life.Record.Lanes[draw % 2];
                var position = draw / 2;
                var result = Result(draw) with { Outcome = draw % 3 == 0 ? RequestOutcome.Errored : RequestOutcome.Succeeded };
                if (position < lane.Count && await Results.StoreAsync(new Page(life.Record.BatchId, lane.Number, 0, 1), "tests", [(position, result)]) is Storage.Results.StoreStatus.Stored)
                {
                    life.Results.Add((lane.Model!, Tally(draw) with { Succeeded = draw % 3 == 0 ? 0 : 1, Errored = draw % 3 == 0 ? 1 : 0 }));
                }

                break;
            case 2:
                await Batches.CloseAsync(life.Record.BatchId, BatchEndReason.Canceled);
                life.Closed = await Batches.FindAsync(life.Record.BatchId) ?? life.Closed;
                break;
            case 3 when life.Closed is not null:
                await _ledger.RecordAsync(life.Closed);
                life.IsRecorded = true;
                break;
            case 4 when life.IsRecorded:
                await _fleet.RemoveBatchAsync(Models, life.Record.BatchId);
                break;
            case 5 when life.IsRecorded:
                await Batches.DeleteAsync(life.Closed!);
                break;
        }
    }

    private void CreateLedger(UsageOptions options)
    {
        _workspace = $"acme-{Guid.NewGuid():N}";
        _fleet = new FleetStore(Connection, Time);
        _ledger = new UsageLedger(Connection, Batches, _fleet, Options.Create(options), Time);
    }

    private async Task<BatchRecord> BatchAsync(params string?[] models)
    {
        var upload = await Batches.BeginUploadAsync();
        foreach (var model in models)
        {
            await upload.AddAsync(model, yieldsToStage: false, Request(upload.Count, model is null ? "There is no such model." : ""));
        }

        var record = (await Batches.CommitAsync(upload, _workspace, null, null, TimeSpan.FromDays(7)))!;
        foreach (var model in models.OfType<string>().Distinct())
        {
            await _fleet.AddBatchAsync(model, record.BatchId, _workspace, 1);
        }

        return record;
    }

    private async Task EndAsync(BatchRecord record)
    {
        await Batches.CloseAsync(record.BatchId, BatchEndReason.Canceled);
        await _ledger.RecordAsync(await ReadAsync(record));
        await _fleet.RemoveBatchAsync(Models, record.BatchId);
    }

    private async Task<BatchRecord> ReadAsync(BatchRecord record) => (await Batches.FindAsync(record.BatchId))!;

    private Task<IReadOnlyList<DailyUsage>> ReadAsync() => _ledger.ReadAsync(_workspace, Today.AddDays(-10), Today, Models);

    /// <summary>What a succeeded <see cref="StoreFixture.Result"/> comes to.</summary>
    private static LaneTally Tally(int index) => new(1, 0, 100 + index, index, 7, TimeSpan.FromMicroseconds(250));

    private sealed class Life(BatchRecord record)
    {
        public BatchRecord Record => record;

        public BatchRecord? Closed { get; set; }

        public bool IsRecorded { get; set; }

        public List<(string Model, LaneTally Tally)> Results { get; } = [];
    }
}
