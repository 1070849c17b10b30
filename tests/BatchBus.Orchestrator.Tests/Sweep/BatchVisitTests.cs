using BatchBus.Contracts;
using BatchBus.Storage;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.TestServers;

namespace BatchBus.Orchestrator.Tests.Sweep;

public sealed class BatchVisitTests
{
    private static readonly TimeSpan ShortLease = TimeSpan.FromMilliseconds(50);

    private OrchestratorBus _bus = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _bus = await OrchestratorBus.StartAsync();
        await _bus.Database.KeyDeleteAsync("batchbus:schedule");
        await _bus.ReportWorkerAsync("w", slots: 16);
    }

    [TearDown]
    public ValueTask StopAsync() => _bus.DisposeAsync();

    [Test]
    public async Task A_lapsed_upload_is_removed_and_its_commit_comes_too_late()
    {
        var upload = await _bus.UploadAsync(40);
        await Eventually.ThatAsync(() => _bus.Database.KeyExistsAsync(new BatchKeys(upload.BatchId).Requests(0)), "a chunk is stored");
        var sweeper = _bus.NewSweeper();

        await sweeper.SweepAsync(CancellationToken.None);
        Assert.That(await _bus.Schedule.AllAsync(), Is.EqualTo(new[] { upload.BatchId }), "it has not lapsed yet");
        _bus.Time.Advance(BatchStore.UploadLapse + TimeSpan.FromSeconds(1));
        await sweeper.SweepAsync(CancellationToken.None);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await _bus.Database.KeyExistsAsync(new BatchKeys(upload.BatchId).Requests(0)), Is.False);
            Assert.That(await _bus.Schedule.AllAsync(), Is.Empty);
            Assert.That(await _bus.Batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(1)), Is.Null);
        }
    }

    [Test]
    public async Task A_committed_batch_without_a_saga_is_submitted_again_after_some_patience()
    {
        var record = await _bus.BatchAsync(4);

        _bus.Time.Advance(TimeSpan.FromSeconds(2));
        await VisitAsync(record);
        Assert.That(_bus.Published<BatchSubmitted>(), Is.Empty, "its own submission may still be under way");
        _bus.Time.Advance(TimeSpan.FromSeconds(4));
        await VisitAsync(record);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_bus.Published<BatchSubmitted>(), Has.Count.EqualTo(1));
            Assert.That((await _bus.SagaAsync(record.BatchId))!.CurrentState, Is.EqualTo("Pending"));
        }
    }

    [Test]
    public async Task A_batch_from_before_the_start_of_the_bus_is_submitted_again_at_once()
    {
        var record = await _bus.BatchAsync(4);
        _bus.Time.Advance(TimeSpan.FromSeconds(1));
        _bus.Sweep.BusStartedAt = _bus.Time.GetUtcNow();

        await VisitAsync(record);

        Assert.That(_bus.Published<BatchSubmitted>(), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_page_whose_lease_lapsed_is_sent_again_and_one_whose_lease_lives_is_not()
    {
        var record = await OnePageAsync();
        var page = Page(_bus.Sent[0]);
        await _bus.Pages.LeaseAsync(page, "crashed", TimeSpan.FromMinutes(1));
        await VisitAsync(record);
        Assert.That(_bus.Sent, Has.Count.EqualTo(1), "the lease lives");

        await _bus.Pages.RenewAsync(record.BatchId, [page], "crashed", ShortLease);
        await OverdueAsync(page);
        await VisitAsync(record);
        await VisitAsync(record);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_bus.Sent, Has.Count.EqualTo(2), "once, not with every visit");
            Assert.That(_bus.Sent[1], Is.EqualTo(_bus.Sent[0]));
            Assert.That((await _bus.Pages.LeaseAsync(page, "next", ShortLease)).Attempt, Is.EqualTo(2));
        }
    }

    [Test]
    public async Task A_deferred_page_is_sent_again_when_it_is_due()
    {
        var record = await OnePageAsync();
        var page = Page(_bus.Sent[0]);
        await _bus.Pages.LeaseAsync(page, "w", TimeSpan.FromMinutes(1));
        await _bus.Pages.DeferAsync(page, "w", TimeSpan.FromMinutes(1), endpointFailed: true);
        await VisitAsync(record);
        Assert.That(_bus.Sent, Has.Count.EqualTo(1), "it is not due");

        await _bus.Database.KeyDeleteAsync(new BatchKeys(record.BatchId).Pages);
        await _bus.Pages.LeaseAsync(page, "w", TimeSpan.FromMinutes(1));
        await _bus.Pages.DeferAsync(page, "w", TimeSpan.Zero, endpointFailed: true);
        await OverdueAsync(page);
        await VisitAsync(record);

        Assert.That(_bus.Sent, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task A_page_that_no_worker_leased_is_sent_again_after_a_time_that_doubles()
    {
        _bus.Dispatch.RequeueAfter = TimeSpan.FromSeconds(60);
        var record = await OnePageAsync();
        var page = Page(_bus.Sent[0]);

        _bus.Time.Advance(TimeSpan.FromSeconds(59));
        await VisitAsync(record);
        Assert.That(_bus.Sent, Has.Count.EqualTo(1), "too early");
        _bus.Time.Advance(TimeSpan.FromSeconds(2));
        var pauses = new List<TimeSpan>();
        for (var i = 0; i < 3; i++)
        {
            await VisitAsync(record);
            await VisitAsync(record);
            var entries = await _bus.Pages.ReadAsync(record.BatchId);
            pauses.Add(PageEntries.LastPause(entries.Entries[page.Name]));
            await LetPauseEndAsync(page, entries);
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_bus.Sent, Has.Count.EqualTo(4), "once each time, however often it is visited");
            Assert.That(pauses, Is.EqualTo(new[] { TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(120), TimeSpan.FromSeconds(240) }));
        }
    }

    [Test]
    public async Task A_page_from_before_the_start_of_the_bus_is_sent_again_at_once()
    {
        var record = await OnePageAsync();
        _bus.Time.Advance(TimeSpan.FromSeconds(1));
        _bus.Sweep.BusStartedAt = _bus.Time.GetUtcNow();

        await VisitAsync(record);
        await VisitAsync(record);

        Assert.That(_bus.Sent, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task An_end_that_did_not_come_back_is_announced_again_until_it_does()
    {
        var record = await OnePageAsync();
        await _bus.CompleteAllAsync();
        await _bus.Database.HashDeleteAsync(new BatchKeys(record.BatchId).Record, "announced");
        await _bus.Schedule.SetAsync(record.BatchId, TimeSpan.Zero);

        await VisitAsync(record);
        Assert.That(_bus.Ended, Has.Count.EqualTo(1), "it may still be under way");
        _bus.Time.Advance(TimeSpan.FromSeconds(6));
        await VisitAsync(record);
        Assert.That((await _bus.RecordAsync(record.BatchId)).Announced);
        await VisitAsync(record);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_bus.Ended, Has.Count.EqualTo(2));
            Assert.That(await _bus.Schedule.ClaimAsync(10, TimeSpan.FromMinutes(1)), Is.Empty, "time has nothing to do with it until it is archived");
        }
    }

    [Test]
    public async Task A_closed_batch_whose_saga_the_store_has_lost_is_announced_all_the_same()
    {
        var record = await OnePageAsync();
        await _bus.CompleteAllAsync();
        var keys = new BatchKeys(record.BatchId);
        await _bus.Database.HashDeleteAsync(keys.Record, "announced");
        await _bus.Database.KeyDeleteAsync(keys.Saga);
        _bus.Time.Advance(TimeSpan.FromSeconds(6));

        await VisitAsync(record);
        await VisitAsync(record);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_bus.Ended, Has.Count.GreaterThanOrEqualTo(2));
            Assert.That((await _bus.SagaAsync(record.BatchId))!.CurrentState, Is.EqualTo("Ended"));
            Assert.That((await _bus.RecordAsync(record.BatchId)).Announced);
            Assert.That((await _bus.FleetAsync()).Workspaces, Is.Empty);
        }
    }

    [Test]
    public async Task A_batch_whose_window_has_passed_ends_without_any_result_arriving()
    {
        var record = await OnePageAsync(TimeSpan.FromMinutes(5));
        _bus.Time.Advance(TimeSpan.FromMinutes(6));

        await VisitAsync(record);

        Assert.That(_bus.Ended.Single().Counts.Expired, Is.EqualTo(4));
    }

    [Test]
    public async Task Two_sweepers_share_what_is_due()
    {
        var batches = new List<Guid>();
        for (var i = 0; i < 150; i++)
        {
            batches.Add((await _bus.BatchAsync(1)).BatchId);
        }

        _bus.Time.Advance(TimeSpan.FromSeconds(10));
        await Task.WhenAll(_bus.NewSweeper().SweepAsync(CancellationToken.None), _bus.NewSweeper().SweepAsync(CancellationToken.None));
        await _bus.SettleAsync();

        Assert.That(_bus.Published<BatchSubmitted>().Select(submitted => submitted.BatchId), Is.EquivalentTo(batches));
    }

    [Test]
    public async Task One_batch_that_cannot_be_visited_does_not_keep_the_others_from_their_visit()
    {
        var (broken, sound) = (await _bus.BatchAsync(1), await _bus.BatchAsync(1));
        await _bus.Database.HashSetAsync(new BatchKeys(broken.BatchId).Record, "lanes", "?");
        _bus.Time.Advance(TimeSpan.FromSeconds(10));

        await _bus.NewSweeper().SweepAsync(CancellationToken.None);
        await _bus.SettleAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_bus.Published<BatchSubmitted>().Select(submitted => submitted.BatchId), Is.EqualTo(new[] { sound.BatchId }));
            Assert.That(await _bus.Schedule.AllAsync(), Has.Member(broken.BatchId), "it is due again by itself");
        }
    }

    private static Page Page(ExecuteRequests message) => new(message.BatchId, message.Lane, message.From, message.Count);

    /// <summary>A batch in one page, which is on its way.</summary>
    private async Task<BatchRecord> OnePageAsync(TimeSpan? window = null)
    {
        var record = await _bus.BatchAsync(4, window);
        await _bus.HandleAsync(record.Submitted());
        Assert.That(_bus.Sent, Has.Count.EqualTo(1));
        return record;
    }

    private async Task VisitAsync(BatchRecord record)
    {
        await _bus.Visit.RunAsync(record.BatchId, CancellationToken.None);
        await _bus.SettleAsync();
    }

    private Task OverdueAsync(Page page)
        => Eventually.ThatAsync(async () => (await _bus.Pages.ReadAsync(page.BatchId)).IsOverdue(page, out _), "the lease or deferral is over");

    /// <summary>Ends a page's pause early, by the server's clock, and keeps how long it was.</summary>
    private async Task LetPauseEndAsync(Page page, PageEntries entries)
    {
        var parts = entries.Entries[page.Name].Split('|');
        await _bus.Database.HashSetAsync(new BatchKeys(page.BatchId).Pages, page.Name, $"{parts[0]}|{entries.Now}|{parts[2]}|{parts[3]}");
    }
}
