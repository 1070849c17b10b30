using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Results;
using BatchBus.TestServers;

namespace BatchBus.Storage.Tests.Batches;

public sealed class CloseBatchTests(StoreServer server) : StoreFixture(server)
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(59);

    [Test]
    public async Task A_batch_is_completed_only_when_every_request_has_a_result([Values] bool force)
    {
        var record = await BatchAsync(["a", "b", "a", null]);
        await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(0, Result(0)), (1, Result(2, RequestOutcome.Errored))]);

        Assert.That(await Batches.CloseAsync(record.BatchId, BatchEndReason.Completed, force), Is.EqualTo(CloseResult.Unfinished));
        Assert.That((await Batches.FindAsync(record.BatchId))!.ClosedAt, Is.Null);
        await Results.StoreAsync(new Page(record.BatchId, 1, 0, 1), "tests", [(0, Result(1))]);

        Assert.That(await Batches.CloseAsync(record.BatchId, BatchEndReason.Completed, force), Is.EqualTo(CloseResult.Closed));
        var closed = (await Batches.FindAsync(record.BatchId))!;
        Assert.That(closed.Reason, Is.EqualTo(BatchEndReason.Completed));
        Assert.That(closed.FinalCounts, Is.EqualTo(new BatchCounts { Succeeded = 2, Errored = 2, Canceled = 0, Expired = 0 }));
    }

    [Test]
    public async Task A_batch_that_can_be_routed_nowhere_is_completed_at_once()
    {
        var record = await BatchAsync([null, null]);

        Assert.That(await Batches.CloseAsync(record.BatchId, BatchEndReason.Completed), Is.EqualTo(CloseResult.Closed));
        Assert.That((await Batches.FindAsync(record.BatchId))!.FinalCounts.Errored, Is.EqualTo(2));
    }

    [TestCase(BatchEndReason.Canceled)]
    [TestCase(BatchEndReason.Expired)]
    public async Task What_has_no_result_is_canceled_or_expired_and_the_counts_sum_to_the_total(BatchEndReason reason)
    {
        var record = await BatchAsync(["a", null, "a", "a", "b"]);
        await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(1, Result(2))]);

        Assert.That(await Batches.CloseAsync(record.BatchId, reason), Is.EqualTo(CloseResult.Closed));

        var canceled = reason is BatchEndReason.Canceled;
        Assert.That(
            (await Batches.FindAsync(record.BatchId))!.FinalCounts,
            Is.EqualTo(new BatchCounts { Succeeded = 1, Errored = 1, Canceled = canceled ? 3 : 0, Expired = canceled ? 0 : 3 }));
    }

    [TestCase(BatchEndReason.Canceled)]
    [TestCase(BatchEndReason.Expired)]
    public async Task A_batch_whose_requests_all_have_results_closes_as_completed_whatever_is_asked(BatchEndReason reason)
    {
        var record = await BatchAsync(2);
        await Pages.LeaseAsync(new Page(record.BatchId, 0, 0, 2), "worker", Long);
        await StoreAsync(record.BatchId, 0, 1);

        Assert.That(await Batches.CloseAsync(record.BatchId, reason), Is.EqualTo(CloseResult.Closed));
        Assert.That((await Batches.FindAsync(record.BatchId))!.Reason, Is.EqualTo(BatchEndReason.Completed));
    }

    [Test]
    public async Task A_batch_is_closed_once_and_the_first_reason_and_time_stay()
    {
        var record = await BatchAsync(2);
        await Batches.CloseAsync(record.BatchId, BatchEndReason.Canceled);
        var first = Time.GetUtcNow();
        Time.Advance(TimeSpan.FromMinutes(1));

        Assert.That(await Batches.CloseAsync(record.BatchId, BatchEndReason.Expired, force: true), Is.EqualTo(CloseResult.Closed));

        var closed = (await Batches.FindAsync(record.BatchId))!;
        Assert.That(closed.Reason, Is.EqualTo(BatchEndReason.Canceled));
        Assert.That(closed.ClosedAt, Is.EqualTo(first.AddTicks(-(first.Ticks % TimeSpan.TicksPerMicrosecond))));
    }

    [Test]
    public async Task A_live_lease_holds_the_end_up_until_it_is_released()
    {
        var record = await BatchAsync(4);
        await Pages.LeaseAsync(new Page(record.BatchId, 0, 0, 2), "first", Long);
        await Pages.LeaseAsync(new Page(record.BatchId, 0, 2, 2), "second", Long);

        Assert.That(await Batches.CloseAsync(record.BatchId, BatchEndReason.Canceled), Is.EqualTo(CloseResult.Leased));
        await Pages.DeferAsync(new Page(record.BatchId, 0, 0, 2), "first", Long, endpointFailed: true);
        Assert.That(await Batches.CloseAsync(record.BatchId, BatchEndReason.Canceled), Is.EqualTo(CloseResult.Leased));
        await Pages.ForgetAsync(new Page(record.BatchId, 0, 2, 2));

        Assert.That(await Batches.CloseAsync(record.BatchId, BatchEndReason.Canceled), Is.EqualTo(CloseResult.Closed));
    }

    [Test]
    public async Task A_live_lease_holds_the_end_up_until_it_lapses()
    {
        var record = await BatchAsync(2);
        await Pages.LeaseAsync(new Page(record.BatchId, 0, 0, 2), "worker", TimeSpan.FromSeconds(1));
        Assert.That(await Batches.CloseAsync(record.BatchId, BatchEndReason.Expired), Is.EqualTo(CloseResult.Leased));

        await Eventually.ThatAsync(
            async () => await Batches.CloseAsync(record.BatchId, BatchEndReason.Expired) is CloseResult.Closed, "the batch closes once the lease lapsed");
    }

    [Test]
    public async Task Force_closes_over_a_live_lease_whose_results_are_then_refused()
    {
        var record = await BatchAsync(2);
        await Pages.LeaseAsync(new Page(record.BatchId, 0, 0, 2), "worker", Long);

        Assert.That(await Batches.CloseAsync(record.BatchId, BatchEndReason.Canceled, force: true), Is.EqualTo(CloseResult.Closed));
        Assert.That(await StoreAsync(record.BatchId, 0), Is.EqualTo(StoreStatus.Closed));
    }

    [Test]
    public async Task What_is_not_committed_is_gone([Values] bool abandoned)
    {
        var upload = await Batches.BeginUploadAsync();
        if (abandoned)
        {
            await Batches.AbandonAsync(upload.BatchId, upload);
        }

        Assert.That(await Batches.CloseAsync(upload.BatchId, BatchEndReason.Expired, force: true), Is.EqualTo(CloseResult.Gone));
        Assert.That(await Batches.FindAsync(upload.BatchId), Is.Null);
    }
}
