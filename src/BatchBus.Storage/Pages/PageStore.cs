using System.Globalization;
using BatchBus.Storage.Clock;
using BatchBus.Storage.Results;
using StackExchange.Redis;

namespace BatchBus.Storage.Pages;

/// <summary>
/// Who may execute which page. A message for a page is only a hint; the lease kept here decides, measured by the clock of the Redis
/// server, so that the clocks of workers do not matter.
/// </summary>
public sealed class PageStore(IConnectionMultiplexer redis)
{
    /// <summary>No lease and no deferral is longer; the scripts know it too.</summary>
    public static readonly TimeSpan LongestLease = TimeSpan.FromMinutes(1);

    private static readonly Script Lease = Script.Load("lease_page");
    private static readonly Script Renew = Script.Load("renew_pages");
    private static readonly Script Defer = Script.Load("defer_page");
    private static readonly Script Requeue = Script.Load("requeue_page");
    private static readonly Script Note = Script.Load("note_request");

    private IDatabase Database => redis.GetDatabase();

    /// <summary>Asks for the right to execute a page.</summary>
    /// <param name="page">The page.</param>
    /// <param name="owner">The worker's own id, without <c>|</c>.</param>
    /// <param name="duration">How long the lease lives unless it is renewed, at most <see cref="LongestLease"/>.</param>
    public async Task<PageLease> LeaseAsync(Page page, string owner, TimeSpan duration)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(duration, LongestLease);
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
            ? new PageLease(status, 0, [], TimeSpan.Zero)
            : new PageLease(status, (int)answer[1], Outcomes.Finished((byte[])answer[2]!), TimeSpan.FromMilliseconds((long)answer[3]));
    }

    /// <summary>Prolongs leases on pages of one batch.</summary>
    public async Task<PageRenewal> RenewAsync(Guid batchId, IReadOnlyList<Page> pages, string owner, TimeSpan duration)
    {
        var keys = new BatchKeys(batchId);
        var answer = (RedisResult[])(await Renew.RunAsync(
            Database, [keys.Record, keys.Pages], [owner, (long)duration.TotalMilliseconds, .. pages.Select(page => (RedisValue)page.Name)]))!;
        return (string?)answer[0] switch
        {
            "open" => Renewal(open: true),
            "canceling" => Renewal(open: false),
            _ => new PageRenewal(false, [.. pages.Select(_ => false)], [.. pages.Select(_ => false)]),
        };

        PageRenewal Renewal(bool open) => new(open, [.. answer[1..].Select(page => (int)page == 1)], [.. answer[1..].Select(page => (int)page == 0)]);
    }

    /// <summary>Gives a lease back unfinished.</summary>
    /// <param name="page">The page.</param>
    /// <param name="owner">Who holds it.</param>
    /// <param name="delay">Nobody executes the page before this has passed; at most <see cref="LongestLease"/>.</param>
    /// <param name="endpointFailed">Whether the endpoint was the reason: then the attempt does not count against the page.</param>
    public Task DeferAsync(Page page, string owner, TimeSpan delay, bool endpointFailed)
        => Defer.RunAsync(Database, [new BatchKeys(page.BatchId).Pages], [page.Name, owner, (long)delay.TotalMilliseconds, endpointFailed ? 1 : 0]);

    /// <summary>Forgets a page whose completion has been reported, with the jobs that were submitted for it and the calls that failed.</summary>
    public Task ForgetAsync(Page page) => Database.HashDeleteAsync(
        new BatchKeys(page.BatchId).Pages,
        [page.Name, .. Enumerable.Range(page.From, page.Count).SelectMany(position => new RedisValue[] { JobField(page, position), FailureField(page.Lane, position) })]);

    /// <summary>Notes how the last call for a request failed, for people who ask why it has no result yet.</summary>
    public Task NoteFailureAsync(Page page, int position, CallFailure failure) => NoteAsync(page, FailureField(page.Lane, position), failure.Format());

    /// <summary>Notes the job that was submitted for a request, in place of an earlier one.</summary>
    public Task NoteJobAsync(Page page, int position, SubmittedJob job) => NoteAsync(page, JobField(page, position), $"{job.Endpoint}|{job.Id}");

    /// <summary>The jobs that were submitted for requests of a page, by position; some may be over.</summary>
    public async Task<IReadOnlyDictionary<int, SubmittedJob>> JobsAsync(Page page)
        => (await NotesAsync(page, JobField)).ToDictionary(
            noted => noted.Position, noted => SubmittedJob.Parse(noted.Note!));

    /// <summary>Lets every lease of a batch lapse: for a start at which nobody else can be alive.</summary>
    public async Task LapseAllAsync(Guid batchId)
    {
        var keys = new BatchKeys(batchId);
        var lapsed = (await ReadAsync(batchId)).Entries
            .Select(entry => (entry.Key, Parts: entry.Value.Split('|')))
            .Where(entry => entry.Parts.Length == 4)
            .Select(entry => new HashEntry(entry.Key, $"d|0|{entry.Parts[2]}|"))
            .ToArray();
        if (lapsed.Length > 0)
        {
            await Database.HashSetAsync(keys.Pages, lapsed);
        }
    }

    /// <summary>Notes how many workers have died of a request whose page has outlived several; before it is called for, with the one that may die next.</summary>
    public Task NoteDeathsAsync(Page page, int position, int deaths) => NoteAsync(page, DeathsField(page, position), deaths);

    /// <summary>The requests of a page of which workers have died, by position, with their number.</summary>
    public async Task<IReadOnlyDictionary<int, int>> DeathsAsync(Page page)
        => (await NotesAsync(page, DeathsField)).ToDictionary(noted => noted.Position, noted => (int)noted.Note);

    /// <summary>Notes that the worker has survived the request.</summary>
    public Task ClearAsync(Page page, int position)
        => Database.HashDeleteAsync(new BatchKeys(page.BatchId).Pages, DeathsField(page, position));

    /// <summary>Reads every page of a batch that was ever leased and is not yet reported, with the server's time.</summary>
    public async Task<PageEntries> ReadAsync(Guid batchId)
    {
        var entries = Database.HashGetAllAsync(new BatchKeys(batchId).Pages);
        return new PageEntries(await Database.NowAsync(), (await entries).ToDictionary(entry => (string)entry.Name!, entry => (string)entry.Value!));
    }

    /// <summary>Marks a page as queued once more; false, and nothing is marked, when a worker or another sweeper has gone on from the entry by now, or the batch is gone.</summary>
    /// <param name="page">The page.</param>
    /// <param name="entry">Its entry as it was read; null for none.</param>
    /// <param name="pause">Until it may be queued yet again.</param>
    public async Task<bool> MarkRequeuedAsync(Page page, string? entry, TimeSpan pause)
    {
        var keys = new BatchKeys(page.BatchId);
        return (int)await Requeue.RunAsync(Database, [keys.Record, keys.Pages], [page.Name, entry ?? "", (long)pause.TotalMilliseconds]) == 1;
    }

    internal static string JobField(Page page, int position) => string.Create(CultureInfo.InvariantCulture, $"job:{page.Lane}:{position}");

    internal static string FailureField(int lane, int position) => string.Create(CultureInfo.InvariantCulture, $"failure:{lane}:{position}");

    private static string DeathsField(Page page, int position) => string.Create(CultureInfo.InvariantCulture, $"deaths:{page.Lane}:{position}");

    private Task<RedisResult> NoteAsync(Page page, string field, RedisValue note)
    {
        var keys = new BatchKeys(page.BatchId);
        return Note.RunAsync(Database, [keys.Record, keys.Pages], [field, note]);
    }

    private async Task<IEnumerable<(int Position, RedisValue Note)>> NotesAsync(Page page, Func<Page, int, string> field)
    {
        var positions = Enumerable.Range(page.From, page.Count).ToList();
        var notes = await Database.HashGetAsync(new BatchKeys(page.BatchId).Pages, [.. positions.Select(position => (RedisValue)field(page, position))]);
        return positions.Zip(notes).Where(noted => !noted.Second.IsNull);
    }
}
