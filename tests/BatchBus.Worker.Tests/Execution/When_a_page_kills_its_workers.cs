using System.Collections.Concurrent;
using BatchBus.Contracts;
using BatchBus.Storage.Pages;
using BatchBus.TestServers;

namespace BatchBus.Worker.Tests.Execution;

public sealed class When_a_page_kills_its_workers
{
    private const int Requests = 6;

    [Test]
    public async Task Should_try_its_requests_one_by_one_after_three_deaths([Values(2, 3)] int deaths)
    {
        await using var worker = await WorkerHost.StartAsync();
        worker.Model.Answer = async (_, _, _) =>
        {
            await Task.Yield();
            return FakeModel.Success;
        };
        var record = await worker.BatchAsync(Requests);
        await DieAsync(worker, record.BatchId, deaths);
        worker.Model.Hold();

        await worker.SendAsync(record, 0, Requests);
        await worker.CalledAsync(deaths < 3 ? Requests : 1);
        worker.Model.Open();
        await worker.ReportedAsync(1);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(worker.Model.MostInFlight, Is.EqualTo(deaths < 3 ? Requests : 1));
            Assert.That(worker.Model.Calls, Is.EquivalentTo(Enumerable.Range(0, Requests)));
            Assert.That((await worker.StoredAsync(record)).Select(result => result.Outcome), Is.All.EqualTo(RequestOutcome.Succeeded));
            Assert.That((await worker.EntriesAsync(record)).Keys, Has.None.StartsWith("deaths"), "nobody stays under suspicion");
        }
    }

    [Test]
    public async Task Should_give_up_the_request_that_was_alone_with_a_worker_that_died_and_execute_its_neighbours()
    {
        await using var worker = await WorkerHost.StartAsync();
        var record = await worker.BatchAsync(Requests);
        await DieAsync(worker, record.BatchId, deaths: 4);
        await worker.Pages.NoteDeathsAsync(new Page(record.BatchId, 0, 0, Requests), position: 2, deaths: 2);

        await worker.SendAsync(record, 0, Requests);
        await worker.ReportedAsync(1);

        var stored = await worker.StoredAsync(record);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(worker.Model.Calls, Is.EqualTo(new[] { 0, 1, 3, 4, 5 }));
            Assert.That(stored.Where(result => result.Outcome is RequestOutcome.Errored).Select(result => result.Index), Is.EqualTo(new[] { 2 }));
            Assert.That(System.Text.Encoding.UTF8.GetString(stored[2].Line.Span), Does.Contain("api_error").And.Contain("with this request alone"));
            Assert.That((await worker.Batches.FindAsync(record.BatchId))!.Succeeded, Is.EqualTo(Requests - 1));
        }
    }

    /// <summary>Of two isolated pages with one worker, one kills it: the other's request was there too, and is not to blame.</summary>
    [Test]
    public async Task Should_execute_a_suspect_while_there_is_no_other_call()
    {
        await using var worker = await WorkerHost.StartAsync();
        var record = await worker.BatchAsync(2 * Requests);
        await DieAsync(worker, record.BatchId, deaths: 4);
        var suspects = new[] { 0, 2 };
        foreach (var position in suspects)
        {
            await worker.Pages.NoteDeathsAsync(new Page(record.BatchId, 0, 0, Requests), position, deaths: 1);
        }

        worker.Model.Hold();
        await worker.SendAsync(record, Requests, Requests);
        await worker.CalledAsync(Requests);
        var together = new ConcurrentQueue<(int Index, int InFlight)>();
        worker.Model.Answer = async (index, _, _) =>
        {
            together.Enqueue((index, worker.Model.InFlight));
            await Task.Yield();
            together.Enqueue((index, worker.Model.InFlight));
            return FakeModel.Success;
        };
        await worker.SendAsync(record, 0, Requests);
        await Eventually.ThatAsync(() => worker.Worker.Held == 2 * Requests, "the isolated page waits for the others' calls");
        worker.Model.Open();
        await worker.ReportedAsync(2);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(together.Where(seen => suspects.Contains(seen.Index)).Select(seen => seen.InFlight), Is.EqualTo(new[] { 1, 1, 1, 1 }));
            Assert.That((await worker.StoredAsync(record)).Select(result => result.Outcome), Is.All.EqualTo(RequestOutcome.Succeeded));
            Assert.That((await worker.EntriesAsync(record)).Keys, Has.None.StartsWith("deaths"), "nobody stays under suspicion");
        }
    }

    [Test]
    public async Task Should_suspect_nobody_when_the_worker_stops_in_order()
    {
        var worker = await WorkerHost.StartAsync();
        var record = await worker.BatchAsync(Requests);
        await DieAsync(worker, record.BatchId, deaths: 3);
        worker.Model.Hold();
        await worker.SendAsync(record, 0, Requests);
        await worker.CalledAsync(1);
        Assert.That((await worker.EntriesAsync(record)).Keys, Has.One.StartsWith("deaths"));

        await worker.StopAsync();

        await Eventually.ThatAsync(async () => !(await worker.EntriesAsync(record)).Keys.Any(name => name.StartsWith("deaths", StringComparison.Ordinal)), "the suspicion is gone");
        await worker.DisposeAsync();
    }

    /// <summary>Lets workers lease the page and not be heard of again.</summary>
    private static async Task DieAsync(WorkerHost worker, Guid batchId, int deaths)
    {
        var page = new Page(batchId, 0, 0, Requests);
        for (var death = 1; death <= deaths; death++)
        {
            await Eventually.ThatAsync(
                async () => (await worker.Pages.LeaseAsync(page, $"dead-{death}", TimeSpan.FromMilliseconds(1))).Status is PageLeaseStatus.Leased, "the page is leased");
        }

        await Eventually.ThatAsync(async () => (await worker.Pages.ReadAsync(batchId)).IsOverdue(page, out _), "the last lease has lapsed");
    }
}
