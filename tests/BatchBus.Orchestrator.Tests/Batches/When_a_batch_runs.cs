using BatchBus.Contracts;

namespace BatchBus.Orchestrator.Tests.Batches;

public sealed class When_a_batch_runs
{
    [Test]
    public async Task Should_dispatch_every_request_once_and_end_with_the_stores_counts()
    {
        await using var bus = await OrchestratorBus.StartAsync();
        await bus.ReportWorkerAsync("w", slots: 16);
        var record = await bus.BatchAsync(window: null, (bus.Model, 100), (bus.Model, 7), (null, 3));

        await bus.HandleAsync(record.Submitted());
        await bus.CompleteAllAsync();

        var ended = bus.Ended.Single();
        var closed = await bus.RecordAsync(record.BatchId);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                bus.Sent.SelectMany(page => Enumerable.Range(page.From, page.Count).Select(position => (page.Lane, position))),
                Is.EquivalentTo(Enumerable.Range(0, 100).Select(position => (0, position)).Concat(Enumerable.Range(0, 7).Select(position => (1, position)))));
            Assert.That(ended.Counts, Is.EqualTo(new BatchCounts { Succeeded = 107, Errored = 3, Canceled = 0, Expired = 0 }));
            Assert.That(ended, Has.Property(nameof(ended.Workspace)).EqualTo("acme").And.Property(nameof(ended.Reason)).EqualTo(BatchEndReason.Completed));
            Assert.That(ended.EndedAt, Is.EqualTo(closed.ClosedAt));
            Assert.That(closed.Announced);
            Assert.That((await bus.FleetAsync()).Workspaces, Is.Empty, "an ended batch takes no share of the window");
        }
    }

    [Test]
    public async Task Should_share_the_window_with_the_other_batches_of_the_model()
    {
        await using var bus = await OrchestratorBus.StartAsync();
        bus.Dispatch.MaxPageSize = 1;
        await bus.ReportWorkerAsync("w", slots: 4);
        var (first, second) = (await bus.BatchAsync(20), await bus.BatchAsync(20));

        await bus.HandleAsync(first.Submitted());
        bus.Time.Advance(TimeSpan.FromSeconds(1));
        await bus.HandleAsync(second.Submitted());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(bus.Sent.Count(page => page.BatchId == first.BatchId), Is.EqualTo(8), "alone it has the whole window of twice the slots");
            Assert.That(bus.Sent.Count(page => page.BatchId == second.BatchId), Is.EqualTo(4));
        }
    }

    [Test]
    public async Task Should_end_without_pages_when_no_request_can_be_routed()
    {
        await using var bus = await OrchestratorBus.StartAsync();
        var record = await bus.BatchAsync(window: null, (null, 3));

        await bus.HandleAsync(record.Submitted());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(bus.Sent, Is.Empty);
            Assert.That(bus.Ended.Single().Counts, Is.EqualTo(new BatchCounts { Succeeded = 0, Errored = 3, Canceled = 0, Expired = 0 }));
        }
    }

    [Test]
    public async Task Should_create_nothing_for_a_record_that_is_gone()
    {
        await using var bus = await OrchestratorBus.StartAsync();
        var record = await bus.BatchAsync(3);
        await bus.Database.KeyDeleteAsync(new Storage.BatchKeys(record.BatchId).Record);

        await bus.HandleAsync(record.Submitted());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await bus.SagaAsync(record.BatchId), Is.Null);
            Assert.That(bus.Sent, Is.Empty);
            Assert.That((await bus.FleetAsync()).Workspaces, Is.Empty);
        }
    }
}
