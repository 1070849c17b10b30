using BatchBus.Contracts;
using BatchBus.Storage.Batches;

namespace BatchBus.Orchestrator.Tests.Batches;

public sealed class When_a_batch_is_canceled
{
    private OrchestratorBus _bus = null!;
    private BatchRecord _record = null!;

    [SetUp]
    public async Task BeginAsync()
    {
        _bus = await OrchestratorBus.StartAsync();
        _bus.Dispatch.MaxPageSize = 1;
        await _bus.ReportWorkerAsync("w", slots: 1);
        _record = await _bus.BatchAsync(4);
        await _bus.HandleAsync(_record.Submitted());
        await _bus.CompleteAsync(_bus.Sent[0]);
    }

    [TearDown]
    public async Task StopAsync() => await _bus.DisposeAsync();

    [Test]
    public async Task Should_end_at_once_when_nothing_is_in_flight()
    {
        await _bus.Batches.CancelAsync(_record.BatchId);
        await _bus.HandleAsync(new CancelBatch { BatchId = _record.BatchId });

        await AssertEndedAsync(succeeded: 1, canceled: 3);
    }

    [Test]
    public async Task Should_wait_for_what_is_in_flight_and_keep_it()
    {
        var page = _bus.Sent[1];
        await _bus.LeaseAsync(_record.BatchId, page);
        await _bus.Batches.CancelAsync(_record.BatchId);
        await _bus.HandleAsync(new CancelBatch { BatchId = _record.BatchId });
        Assert.That((await _bus.SagaAsync(_record.BatchId))!.CurrentState, Is.EqualTo("Canceling"));

        var report = await _bus.ExecuteAsync(page);
        await _bus.Pages.LapseAllAsync(_record.BatchId);
        await _bus.HandleAsync(report);

        await AssertEndedAsync(succeeded: 2, canceled: 2);
    }

    [Test]
    public async Task Should_not_wait_longer_than_a_minute_for_a_worker_that_holds_on()
    {
        await _bus.LeaseAsync(_record.BatchId, _bus.Sent[1]);
        await _bus.Batches.CancelAsync(_record.BatchId);
        await _bus.HandleAsync(new CancelBatch { BatchId = _record.BatchId });

        _bus.Time.Advance(TimeSpan.FromSeconds(60));
        await _bus.HandleAsync(new ReconcileBatch { BatchId = _record.BatchId });

        await AssertEndedAsync(succeeded: 1, canceled: 3);
    }

    [Test]
    public async Task Should_be_canceled_by_the_sweeper_when_the_message_is_lost()
    {
        await _bus.Batches.CancelAsync(_record.BatchId);

        await _bus.Visit.RunAsync(_record.BatchId, CancellationToken.None);
        await _bus.SettleAsync();

        await AssertEndedAsync(succeeded: 1, canceled: 3);
    }

    [Test]
    public async Task Should_take_no_notice_of_a_message_without_a_recorded_cancel()
    {
        await _bus.HandleAsync(new CancelBatch { BatchId = _record.BatchId });

        Assert.That((await _bus.SagaAsync(_record.BatchId))!.CurrentState, Is.EqualTo("InProgress"));
    }

    private async Task AssertEndedAsync(int succeeded, int canceled)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That((await _bus.SagaAsync(_record.BatchId))!.CurrentState, Is.EqualTo("Ended"));
            Assert.That(_bus.Ended.Distinct().Single().Reason, Is.EqualTo(BatchEndReason.Canceled));
            Assert.That(_bus.Ended[0].Counts, Is.EqualTo(new BatchCounts { Succeeded = succeeded, Errored = 0, Canceled = canceled, Expired = 0 }));
        }
    }
}
