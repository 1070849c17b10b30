using BatchBus.Contracts;
using BatchBus.Storage;
using BatchBus.Storage.Pages;
using BatchBus.TestServers;
using BatchBus.Worker.Leases;

namespace BatchBus.Worker.Tests.Leases;

public sealed class When_redis_is_away
{
    private RedisServer _redis = null!;
    private WorkerHost _worker = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _redis = await RedisServer.StartAsync();
        _worker = await WorkerHost.StartAsync(slots: 2, lease: TimeSpan.FromSeconds(1), redis: _redis);
        _worker.Model.Hold();
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _worker.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Test]
    public async Task Should_keep_what_has_finished_start_nothing_and_go_on_when_it_is_back()
    {
        var record = await _worker.BatchAsync(8);
        await _worker.SendAsync(record, 0, 8);
        await _worker.CalledAsync(2);

        _redis.Kill();
        await Eventually.ThatAsync(() => _worker.Held.All.All(page => !page.MayStart), "the lease is over by the worker's own clock");
        _worker.Model.Open();
        await Eventually.ThatAsync(() => _worker.Model.InFlight == 0, "the open calls ended");
        Assert.That(_worker.Model.Calls, Has.Count.EqualTo(2), "without a lease no call is started");

        await _redis.RestartAsync();
        await _worker.ReportedAsync(1);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_worker.Model.Calls, Is.EquivalentTo(Enumerable.Range(0, 8)), "nothing was called twice, finished results were kept");
            Assert.That(await _worker.FinishedAsync(record), Is.EqualTo(8));
            Assert.That((await _worker.Batches.FindAsync(record.BatchId))!.Succeeded, Is.EqualTo(8));
            Assert.That(_worker.Faults, Is.Empty);
        }
    }

    [Test]
    public async Task Should_keep_the_message_of_a_page_that_it_cannot_lease()
    {
        var record = await _worker.BatchAsync(2);
        _redis.Kill();
        await _worker.SendAsync(record, 0, 2);
        _worker.Model.Open();

        await _redis.RestartAsync();
        await _worker.ReportedAsync(1);

        Assert.That(_worker.Faults, Is.Empty);
    }

    [Test]
    public async Task Should_start_no_call_and_store_no_result_for_a_page_that_another_took_over()
    {
        var record = await _worker.BatchAsync(8);
        await _worker.SendAsync(record, 0, 8);
        await _worker.CalledAsync(2);
        var page = new Page(record.BatchId, 0, 0, 8);

        await _worker.Database.HashDeleteAsync(new BatchKeys(record.BatchId).Pages, page.Name);
        Assert.That((await _worker.Pages.LeaseAsync(page, "another", TimeSpan.FromMinutes(1))).Status, Is.EqualTo(PageLeaseStatus.Leased));
        await Eventually.ThatAsync(() => _worker.Held.All.All(held => held.State is HeldPageState.Lost), "the worker knows");
        await _worker.StoreAsync(record, _worker.Model.Calls.First());
        _worker.Model.Open();
        await Eventually.ThatAsync(() => _worker.Held.IsEmpty, "the page is let go");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_worker.Model.Calls, Has.Count.EqualTo(2));
            Assert.That(await _worker.FinishedAsync(record), Is.EqualTo(1), "only who holds the page stores its results");
            Assert.That((await _worker.StoredAsync(record)).Count(result => result.OutputTokens == 1), Is.EqualTo(1));
            Assert.That(_worker.Reports, Is.Empty);
            Assert.That((await _worker.EntriesAsync(record))[page.Name], Does.StartWith("l|").And.EndWith("|another"));
        }
    }
}
