using System.Diagnostics;
using BatchBus.Storage.Batches;
using BatchBus.TestServers;

namespace BatchBus.Worker.Tests.Execution;

public sealed class When_a_worker_stops
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(15);

    [Test]
    public async Task Should_let_open_calls_finish_and_hand_back_what_has_not_begun()
    {
        await using var worker = await WorkerHost.StartAsync(slots: 2, stopGrace: TimeSpan.FromSeconds(10));
        worker.Model.Hold();
        var record = await worker.BatchAsync(6);
        await worker.SendAsync(record, 0, 6);
        await worker.CalledAsync(2);

        var stopping = worker.StopAsync();
        await Eventually.ThatAsync(() => worker.Held.All.All(page => !page.MayStart), "the worker is stopping");
        worker.Model.Open();
        await stopping.WaitAsync(Bound);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(worker.Model.Calls, Has.Count.EqualTo(2));
            Assert.That(await worker.FinishedAsync(record), Is.EqualTo(2));
            await AssertDueAsync(worker, record, pages: 1);
            Assert.That(worker.Faults, Is.Empty);
        }
    }

    [Test]
    public async Task Should_hand_back_pages_whose_calls_do_not_end_within_the_grace()
    {
        await using var worker = await WorkerHost.StartAsync(slots: 2, stopGrace: TimeSpan.FromMilliseconds(200));
        worker.Model.Hold();
        var record = await worker.BatchAsync(6);
        await worker.SendAsync(record, 0, 3);
        await worker.SendAsync(record, 3, 3);
        await worker.CalledAsync(2);

        var watch = Stopwatch.StartNew();
        await worker.StopAsync().WaitAsync(Bound);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(watch.Elapsed, Is.LessThan(Bound));
            await AssertDueAsync(worker, record, pages: 2);
            Assert.That(worker.Model.InFlight, Is.Zero, "no call outlives the worker");
            Assert.That(worker.Faults, Is.Empty);
        }
    }

    /// <summary>Messages that wait for room, on the real broker: after the stop each page is either handed back or still in its queue.</summary>
    [Test]
    public async Task Should_lose_no_message_that_waits_for_room()
    {
        await using var broker = await RabbitMqServer.StartAsync();
        await using var worker = await WorkerHost.StartAsync(slots: 1, stopGrace: TimeSpan.FromMilliseconds(200), rabbitMq: broker.ConnectionString);
        worker.Model.Hold();
        var record = await worker.BatchAsync(8);
        for (var page = 0; page < 8; page++)
        {
            await worker.SendAsync(record, page, 1);
        }

        await worker.CalledAsync(1);
        await Eventually.ThatAsync(() => worker.Worker.Held == 2, "one page runs, one waits for a slot, the others for room");
        await worker.StopAsync().WaitAsync(Bound);

        var queues = (await broker.QueuesAsync()).ToDictionary(queue => queue.Name, queue => queue.Messages);
        var entries = await worker.EntriesAsync(record);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(queues.Keys.Where(name => name.EndsWith("_error", StringComparison.Ordinal)), Is.Empty);
            Assert.That(entries.Values, Is.All.StartsWith("d|"));
            Assert.That(queues[$"model-{WorkerHost.ModelName}"] + entries.Count, Is.EqualTo(8));
            Assert.That(worker.Model.Calls, Has.Count.EqualTo(1));
        }
    }

    /// <summary>Redis is away for good, so that consumers wait between attempts when the stop comes: their messages go back to the queue.</summary>
    [Test]
    public async Task Should_lose_no_message_that_waits_for_redis()
    {
        await using var broker = await RabbitMqServer.StartAsync();
        await using var redis = await RedisServer.StartAsync("no");
        await using var worker = await WorkerHost.StartAsync(slots: 8, redis: redis, rabbitMq: broker.ConnectionString);
        var record = await worker.BatchAsync(3);
        redis.Kill();
        for (var page = 0; page < 3; page++)
        {
            await worker.SendAsync(record, page, 1);
        }

        await Eventually.ThatAsync(
            async () => (await broker.RunCtlAsync("list_queues", "messages_unacknowledged")).Contains('2', StringComparison.Ordinal), "the consumers have their messages");

        // The host's own limit is 30 s.
        await worker.StopAsync().WaitAsync(TimeSpan.FromSeconds(60));

        var queues = (await broker.QueuesAsync()).ToDictionary(queue => queue.Name, queue => queue.Messages);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(queues.Keys.Where(name => name.EndsWith("_error", StringComparison.Ordinal)), Is.Empty);
            Assert.That(queues[$"model-{WorkerHost.ModelName}"], Is.EqualTo(3));
        }
    }

    private static async Task AssertDueAsync(WorkerHost worker, BatchRecord record, int pages)
    {
        var entries = await worker.Pages.ReadAsync(record.BatchId);
        Assert.That(entries.Entries, Has.Count.EqualTo(pages));
        Assert.That(entries.Entries.Values, Is.All.StartsWith("d|"));
        Assert.That(entries.Entries.Values.Select(entry => long.Parse(entry.Split('|')[1])), Is.All.LessThanOrEqualTo(entries.Now), "due at once");
    }
}
