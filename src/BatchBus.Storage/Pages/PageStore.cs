using BatchBus.Storage.Results;
using StackExchange.Redis;

namespace BatchBus.Storage.Pages;

/// <summary>
/// Who may execute which page. A message for a page is only a hint; the lease kept here decides, measured by the clock of the Redis
/// server, so that the clocks of workers do not matter.
/// </summary>
public sealed class PageStore(IConnectionMultiplexer redis)
{
    private static readonly Script Lease = Script.Load("lease_page");
    private static readonly Script Renew = Script.Load("renew_pages");
    private static readonly Script Defer = Script.Load("defer_page");
    private static readonly Script Requeue = Script.Load("requeue_page");

    private IDatabase Database => redis.GetDatabase();

    /// <summary>Asks for the right to execute a page.</summary>
    /// <param name="page">The page.</param>
    /// <param name="owner">The worker's own id, without <c>|</c>.</param>
    /// <param name="duration">How long the lease lives unless it is renewed.</param>
    public async Task<PageLease> LeaseAsync(Page page, string owner, TimeSpan duration)
    {
        var keys = new BatchKeys(page.BatchId);
        var answer = (RedisResult[])(await Lease.RunAsync(
            Database,
            [keys.Record, keys.Pages, keys.Results(page.Lane)],
            [page.Name, owner, (long)duration.TotalMilliseconds, page.From, page.Count]))!;
        var status = (string?)answer[0] switch
        {
            "leased" => PageLeaseStatus.Leased,
            "taken" => PageLeaseStatus.Taken,
            "finished" => PageLeaseStatus.Finished,
            "closed" => PageLeaseStatus.Closed,
            "canceling" => PageLeaseStatus.Canceling,
            "gone" => PageLeaseStatus.Gone,
            var other => throw new InvalidOperationException($"lease_page answered '{other}'."),
        };
        return status is not PageLeaseStatus.Leased
            ? new PageLease(status, 0, [])
            : new PageLease(status, (int)answer[1], Outcomes.Finished((byte[])answer[2]!));
    }

    /// <summary>Prolongs leases on pages of one batch.</summary>
    public async Task<PageRenewal> RenewAsync(Guid batchId, IReadOnlyList<Page> pages, string owner, TimeSpan duration)
    {
        var keys = new BatchKeys(batchId);
        var answer = (RedisResult[])(await Renew.RunAsync(
            Database, [keys.Record, keys.Pages], [owner, (long)duration.TotalMilliseconds, .. pages.Select(page => (RedisValue)page.Name)]))!;
        return (string?)answer[0] switch
        {
            "open" => new PageRenewal(true, [.. answer[1..].Select(renewed => (int)renewed == 1)]),
            "canceling" => new PageRenewal(false, [.. answer[1..].Select(renewed => (int)renewed == 1)]),
            _ => new PageRenewal(false, [.. pages.Select(_ => false)]),
        };
    }

    /// <summary>Gives a lease back unfinished.</summary>
    /// <param name="page">The page.</param>
    /// <param name="owner">Who holds it.</param>
    /// <param name="delay">Nobody executes the page before this has passed.</param>
    /// <param name="endpointFailed">Whether the endpoint was the reason: then the attempt does not count against the page.</param>
    public Task DeferAsync(Page page, string owner, TimeSpan delay, bool endpointFailed)
        => Defer.RunAsync(Database, [new BatchKeys(page.BatchId).Pages], [page.Name, owner, (long)delay.TotalMilliseconds, endpointFailed ? 1 : 0]);

    /// <summary>Forgets a page whose completion has been reported.</summary>
    public Task ForgetAsync(Page page) => Database.HashDeleteAsync(new BatchKeys(page.BatchId).Pages, page.Name);

    /// <summary>Forgets every lease of a batch: for a start at which nobody else can be alive.</summary>
    public Task ForgetAllAsync(Guid batchId) => Database.KeyDeleteAsync(new BatchKeys(batchId).Pages);

    /// <summary>Reads every page of a batch that was ever leased and is not yet reported, with the server's time.</summary>
    public async Task<PageEntries> ReadAsync(Guid batchId)
    {
        var entries = Database.HashGetAllAsync(new BatchKeys(batchId).Pages);
        var clock = (RedisResult[])(await Database.ExecuteAsync("TIME"))!;
        var now = ((long)clock[0] * 1000) + ((long)clock[1] / 1000);
        return new PageEntries(now, (await entries).ToDictionary(entry => (string)entry.Name!, entry => (string)entry.Value!));
    }

    /// <summary>Marks a page as queued once more; false, and nothing is marked, when a worker or another sweeper has gone on from the entry by now.</summary>
    /// <param name="page">The page.</param>
    /// <param name="entry">Its entry as it was read; null for none.</param>
    /// <param name="pause">Until it may be queued yet again.</param>
    public async Task<bool> MarkRequeuedAsync(Page page, string? entry, TimeSpan pause)
        => (int)await Requeue.RunAsync(Database, [new BatchKeys(page.BatchId).Pages], [page.Name, entry ?? "", (long)pause.TotalMilliseconds]) == 1;
}
