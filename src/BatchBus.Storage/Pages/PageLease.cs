using System.Globalization;

namespace BatchBus.Storage.Pages;

/// <summary>The answer to a worker that asked for a page.</summary>
/// <param name="Status">Whether it may execute the page, or why not.</param>
/// <param name="Attempt">Which attempt at the page this is, from 1; 0 unless leased.</param>
/// <param name="Finished">Per request of the page, whether it already has a result; empty unless leased.</param>
/// <param name="TimeLeft">Until the batch expires; zero unless leased.</param>
public sealed record PageLease(PageLeaseStatus Status, int Attempt, IReadOnlyList<bool> Finished, TimeSpan TimeLeft);

/// <summary>Whether a worker may execute a page, or why not.</summary>
public enum PageLeaseStatus
{
    /// <summary>It may.</summary>
    Leased,

    /// <summary>Another worker executes it, or it is deferred.</summary>
    Taken,

    /// <summary>Every request has a result: what remains is to report it.</summary>
    Finished,

    /// <summary>The batch is closed.</summary>
    Closed,

    /// <summary>The batch is being canceled, or its window has passed: nothing more is started.</summary>
    Canceling,

    /// <summary>There is no such batch.</summary>
    Gone,
}

/// <summary>The answer to a worker that prolonged leases.</summary>
/// <param name="Open">Whether calls may still be started for the batch.</param>
/// <param name="Renewed">Per page, whether the worker still holds it.</param>
/// <param name="TakenOver">Per page, whether somebody else has it or may take it; of one that is neither nothing is left.</param>
public sealed record PageRenewal(bool Open, IReadOnlyList<bool> Renewed, IReadOnlyList<bool> TakenOver);

/// <summary>The pages of a batch that were leased and not yet reported.</summary>
/// <param name="Now">The Redis server's time, milliseconds since 1970.</param>
/// <param name="Entries">By <see cref="Page.Name"/>: <c>kind|expiry|attempt|owner</c>, as lease_page documents it.</param>
public sealed record PageEntries(long Now, IReadOnlyDictionary<string, string> Entries)
{
    /// <summary>Whether jobs were submitted for requests of a page that nobody has reported.</summary>
    public bool HasJobs(Page page) => Enumerable.Range(page.From, page.Count)
        .Any(position => Entries.ContainsKey(PageStore.JobField(page, position)));

    /// <summary>Whether a page wants its message again: its lease lapsed, its deferral is over, or its last message led to nothing.</summary>
    /// <param name="page">The page.</param>
    /// <param name="entry">Its entry, null where it has none.</param>
    public bool IsOverdue(Page page, out string? entry)
    {
        if (!Entries.TryGetValue(page.Name, out entry))
        {
            return false;
        }

        // What lies further ahead than it was ever set is of a time before the clock was set back.
        var left = long.Parse(entry.Split('|')[1], CultureInfo.InvariantCulture) - Now;
        var longest = entry[0] == 'q' ? LastPause(entry) : PageStore.LongestLease;
        return left <= 0 || left > longest.TotalMilliseconds;
    }

    /// <summary>Where a request without a result is.</summary>
    /// <param name="lane">Its lane.</param>
    /// <param name="position">Its position in the lane.</param>
    public RequestPlace PlaceOf(int lane, int position)
    {
        var nowhere = new RequestPlace(
            RequestPlaceState.Waiting,
            0,
            0,
            null,
            0,
            TimeSpan.Zero,
            Entries.TryGetValue(PageStore.JobField(new Page(default, lane, 0, 0), position), out var job) ? SubmittedJob.Parse(job) : null,
            Entries.TryGetValue(PageStore.FailureField(lane, position), out var failure) ? CallFailure.Parse(failure) : null);
        foreach (var (name, entry) in Entries)
        {
            if (IsPage(name) && Page.Parse(default, name) is var page && page.Lane == lane && position >= page.From && position < page.From + page.Count)
            {
                var parts = entry.Split('|', 4);
                var left = TimeSpan.FromMilliseconds(Math.Max(0, long.Parse(parts[1], CultureInfo.InvariantCulture) - Now));
                var state = (entry[0], left > TimeSpan.Zero) switch
                {
                    ('l', true) => RequestPlaceState.WithWorker,
                    ('l', false) => RequestPlaceState.Lapsed,
                    ('d', _) => RequestPlaceState.Deferred,
                    _ => RequestPlaceState.SentAgain,
                };
                return nowhere with
                {
                    State = state,
                    From = page.From,
                    Count = page.Count,
                    Worker = entry[0] == 'l' ? parts[3] : null,
                    Attempt = int.Parse(parts[2], CultureInfo.InvariantCulture),
                    Left = left,
                };
            }
        }

        return nowhere;
    }

    /// <summary>How long a page's lease lives unless it is renewed; longer than any where it has none.</summary>
    /// <param name="entry">The page's entry, null where it has none.</param>
    public TimeSpan LeaseLeft(string? entry)
        => entry?.Split('|') is ["l", var expiry, ..] ? TimeSpan.FromMilliseconds(long.Parse(expiry, CultureInfo.InvariantCulture) - Now) : TimeSpan.MaxValue;

    /// <summary>The pages that a worker holds.</summary>
    public IEnumerable<Page> Leased(Guid batchId) => Entries
        .Where(entry => IsPage(entry.Key) && LeaseLeft(entry.Value) is { Ticks: > 0 } left && left <= PageStore.LongestLease)
        .Select(entry => Page.Parse(batchId, entry.Key));

    /// <summary>How long the sweeper waited for a page's last message; zero where it has sent none.</summary>
    public static TimeSpan LastPause(string? entry)
        => entry?.Split('|') is ["q", _, _, var pause] ? TimeSpan.FromMilliseconds(long.Parse(pause, CultureInfo.InvariantCulture)) : TimeSpan.Zero;

    /// <summary>Beside pages stand notes on requests, whose names begin with a word.</summary>
    private static bool IsPage(string name) => char.IsAsciiDigit(name[0]);
}
