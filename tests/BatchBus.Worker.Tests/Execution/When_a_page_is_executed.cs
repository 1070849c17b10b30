using BatchBus.Contracts;
using BatchBus.Inference;
using BatchBus.Storage;
using BatchBus.Storage.Pages;
using BatchBus.TestServers;

namespace BatchBus.Worker.Tests.Execution;

public sealed class When_a_page_is_executed
{
    [Test]
    public async Task Should_store_each_result_report_once_in_order_and_give_the_lease_back()
    {
        await using var worker = await WorkerHost.StartAsync();
        var record = await worker.BatchAsync(40);
        worker.Model.Answer = async (index, _, _) =>
        {
            await Task.Yield();
            return index == 33 ? new InferenceOutcome.Refused("invalid_request_error", "max_tokens: too many.") : FakeModel.Success;
        };

        await worker.SendAsync(record, 20, 20);
        await worker.ReportedAsync(1);
        await Eventually.ThatAsync(async () => (await worker.EntriesAsync(record)).Count == 0, "the lease is gone");

        var report = worker.Reports.Single();
        var tally = (await worker.Batches.FindAsync(record.BatchId))!.Tallies.Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((report.BatchId, report.Model, report.Lane, report.From, report.Count), Is.EqualTo((record.BatchId, WorkerHost.ModelName, 0, 20, 20)));
            Assert.That(report.Requests.Select(request => request.Index), Is.EqualTo(Enumerable.Range(20, 20)));
            Assert.That(report.Requests.Select(request => request.CustomId), Is.EqualTo(Enumerable.Range(20, 20).Select(i => $"request-{i}")));
            Assert.That(report.Requests.Single(request => request.Outcome is RequestOutcome.Errored).Index, Is.EqualTo(33));
            Assert.That(report.Requests[0], Has.Property("InputTokens").EqualTo(10).And.Property("CachedTokens").EqualTo(1).And.Property("OutputTokens").EqualTo(5));
            Assert.That(worker.Model.Calls, Is.EquivalentTo(Enumerable.Range(20, 20)), "one call for each");
            Assert.That(await worker.FinishedAsync(record), Is.EqualTo(20));
            Assert.That((tally.Succeeded, tally.Errored, tally.OutputTokens), Is.EqualTo((19, 1, 95L)));
            Assert.That(worker.Worker.Held, Is.Zero);
            Assert.That(worker.Held.IsEmpty);
        }
    }

    [Test]
    public async Task Should_not_call_again_what_has_a_result()
    {
        await using var worker = await WorkerHost.StartAsync();
        var record = await worker.BatchAsync(6);
        await worker.StoreAsync(record, 1, 4);

        await worker.SendAsync(record, 0, 6);
        await worker.ReportedAsync(1);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(worker.Model.Calls, Is.EquivalentTo(new[] { 0, 2, 3, 5 }));
            Assert.That(worker.Reports[0].Requests.Select(request => request.Index), Is.EqualTo(Enumerable.Range(0, 6)), "the report is of the whole page");
            Assert.That(worker.Reports[0].Requests[1].OutputTokens, Is.EqualTo(1), "the stored result stands");
        }
    }

    [Test]
    public async Task Should_report_a_finished_page_again_without_a_call()
    {
        await using var worker = await WorkerHost.StartAsync();
        var record = await worker.BatchAsync(4);
        await worker.SendAsync(record, 0, 4);
        await worker.ReportedAsync(1);
        await Eventually.ThatAsync(() => worker.Held.IsEmpty, "the page is over");

        await worker.SendAsync(record, 0, 4);
        await worker.ReportedAsync(2);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(worker.Model.Calls, Has.Count.EqualTo(4));
            Assert.That(worker.Reports[1].Requests, Is.EqualTo(worker.Reports[0].Requests));
        }
    }

    [Test]
    public async Task Should_drop_the_message_of_a_page_that_another_worker_holds()
    {
        await using var worker = await WorkerHost.StartAsync();
        var record = await worker.BatchAsync(4);
        await worker.Pages.LeaseAsync(new Page(record.BatchId, 0, 0, 4), "another", TimeSpan.FromMinutes(1));

        await worker.SendAsync(record, 0, 4);

        await AssertDroppedAsync(worker);
    }

    [TestCase("closed")]
    [TestCase("cancel")]
    [TestCase("gone")]
    public async Task Should_start_no_call_for_a_batch_that_takes_none(string field)
    {
        await using var worker = await WorkerHost.StartAsync();
        var record = await worker.BatchAsync(4);
        var key = new BatchKeys(record.BatchId).Record;
        await (field == "gone" ? worker.Database.KeyDeleteAsync(key) : worker.Database.HashSetAsync(key, field, 1));

        await worker.SendAsync(record, 0, 4);

        await AssertDroppedAsync(worker);
    }

    [Test]
    public async Task Should_start_nothing_new_after_the_renewal_that_learns_of_a_cancel()
    {
        await using var worker = await WorkerHost.StartAsync(slots: 2, lease: TimeSpan.FromSeconds(1));
        worker.Model.Hold();
        var record = await worker.BatchAsync(10);
        await worker.SendAsync(record, 0, 10);
        await worker.CalledAsync(2);

        await worker.Database.HashSetAsync(new BatchKeys(record.BatchId).Record, "cancel", 1);
        await Eventually.ThatAsync(
            () => worker.Held.All.All(page => page.State is BatchBus.Worker.Leases.HeldPageState.BatchStopped), "the worker knows of the cancel");
        worker.Model.Open();
        await Eventually.ThatAsync(() => worker.Held.IsEmpty, "the page is handed back");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(worker.Model.Calls, Has.Count.EqualTo(2));
            Assert.That(await worker.FinishedAsync(record), Is.EqualTo(2), "what was open when the cancel came still counts");
            Assert.That((await worker.EntriesAsync(record)).Values, Is.All.StartsWith("d|"), "nobody holds the page, so the batch can close");
            Assert.That(worker.Worker.Held, Is.Zero);
        }
    }

    private static async Task AssertDroppedAsync(WorkerHost worker)
    {
        await Eventually.ThatAsync(() => worker.Acknowledged == 1, "the message is acknowledged");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(worker.Model.Calls, Is.Empty);
            Assert.That(worker.Reports, Is.Empty);
            Assert.That(worker.Faults, Is.Empty);
            Assert.That(worker.Worker.Held, Is.Zero, "its room is free again");
        }
    }
}
