using BatchBus.Contracts;
using BatchBus.Storage;
using BatchBus.Storage.Batches;

namespace BatchBus.Orchestrator.Tests.Batches;

public sealed class When_a_batch_is_reconciled
{
    private OrchestratorBus _bus = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _bus = await OrchestratorBus.StartAsync();
        await _bus.ReportWorkerAsync("w", slots: 4);
    }

    [TearDown]
    public ValueTask StopAsync() => _bus.DisposeAsync();

    [Test]
    public async Task Should_end_when_the_record_is_closed_already()
    {
        var record = await _bus.BatchAsync(4);
        await _bus.HandleAsync(record.Submitted());
        await _bus.ExecuteAsync(_bus.Sent[0] with { Count = 4 });
        Assert.That(await _bus.Batches.CloseAsync(record.BatchId, BatchEndReason.Completed), Is.EqualTo(CloseResult.Closed));

        await ReconcileAsync(record);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await _bus.SagaAsync(record.BatchId))!.CurrentState, Is.EqualTo("Ended"));
            Assert.That(_bus.Ended.Single().Counts.Succeeded, Is.EqualTo(4));
        }
    }

    [Test]
    public async Task Should_expire_what_has_no_result_once_the_window_has_passed()
    {
        _bus.Dispatch.MaxPageSize = 2;
        var record = await _bus.BatchAsync(10, TimeSpan.FromHours(1));
        await _bus.HandleAsync(record.Submitted());
        await _bus.CompleteAsync(_bus.Sent[0]);

        _bus.Time.Advance(TimeSpan.FromMinutes(59));
        await ReconcileAsync(record);
        Assert.That(_bus.Ended, Is.Empty, "the window has not passed yet");
        _bus.Time.Advance(TimeSpan.FromMinutes(2));
        await ReconcileAsync(record);

        var ended = _bus.Ended.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ended.Reason, Is.EqualTo(BatchEndReason.Expired));
            Assert.That(ended.Counts, Is.EqualTo(new BatchCounts { Succeeded = _bus.Sent[0].Count, Errored = 0, Canceled = 0, Expired = 10 - _bus.Sent[0].Count }));
            Assert.That((await _bus.FleetAsync()).Workspaces, Is.Empty);
        }
    }

    [Test]
    public async Task Should_execute_again_what_was_reported_but_lost_its_result()
    {
        var record = await _bus.BatchAsync(4);
        await _bus.HandleAsync(record.Submitted());
        var pages = _bus.Sent;
        foreach (var page in pages.SkipLast(1))
        {
            await _bus.CompleteAsync(page);
        }

        var last = await _bus.ExecuteAsync(pages[^1]);
        await _bus.LoseResultsAsync(record.BatchId, pages[^1].From, pages[^1].Count);
        await _bus.HandleAsync(last);
        var again = _bus.Sent.Skip(pages.Count).ToList();
        Assert.That(_bus.Ended, Is.Empty);
        foreach (var page in again)
        {
            await _bus.CompleteAsync(page);
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                again.SelectMany(page => Enumerable.Range(page.From, page.Count)),
                Is.EqualTo(Enumerable.Range(pages[^1].From, pages[^1].Count)),
                "only what has no result");
            Assert.That(_bus.Ended.Single().Counts.Succeeded, Is.EqualTo(4));
        }
    }

    [Test]
    public async Task Should_execute_lost_results_again_in_pages_of_the_allowed_size()
    {
        var record = await _bus.BatchAsync(100);
        await _bus.HandleAsync(record.Submitted());
        var next = 0;
        for (; _bus.Sent[next].From + _bus.Sent[next].Count < 100; next++)
        {
            await _bus.CompleteAsync(_bus.Sent[next]);
        }

        var (last, sent) = (await _bus.ExecuteAsync(_bus.Sent[next]), _bus.Sent.Count);
        var keys = new BatchKeys(record.BatchId);
        await _bus.Database.KeyDeleteAsync(keys.Results(0));
        _bus.Dispatch.MaxPageSize = 8;
        await _bus.HandleAsync(last);

        var again = _bus.Sent.Skip(sent).ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(again.SelectMany(page => Enumerable.Range(page.From, page.Count)), Is.EqualTo(Enumerable.Range(0, 100)));
            Assert.That(again.Max(page => page.Count), Is.EqualTo(8));
        }
    }

    [Test]
    public async Task Should_release_what_a_grown_fleet_has_room_for()
    {
        _bus.Dispatch.MaxPageSize = 1;
        var record = await _bus.BatchAsync(40);
        await _bus.HandleAsync(record.Submitted());
        Assert.That(_bus.Sent, Has.Count.EqualTo(8));

        await _bus.ReportWorkerAsync("another", slots: 6);
        _bus.Time.Advance(TimeSpan.FromSeconds(1));
        await ReconcileAsync(record);

        Assert.That(_bus.Sent, Has.Count.EqualTo(20));
    }

    [Test]
    public async Task Should_delete_the_saga_of_a_batch_that_is_gone()
    {
        var record = await _bus.BatchAsync(4);
        await _bus.HandleAsync(record.Submitted());
        await _bus.Database.KeyDeleteAsync(new BatchKeys(record.BatchId).Record);

        await ReconcileAsync(record);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await _bus.SagaAsync(record.BatchId), Is.Null);
            Assert.That((await _bus.FleetAsync()).Workspaces, Is.Empty, "a batch that is gone takes no share of the window");
        }
    }

    private Task ReconcileAsync(BatchRecord record) => _bus.HandleAsync(new ReconcileBatch { BatchId = record.BatchId });
}
