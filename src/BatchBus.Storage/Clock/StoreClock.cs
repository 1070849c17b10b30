using StackExchange.Redis;

namespace BatchBus.Storage.Clock;

/// <summary>
/// The clock of the Redis server, by which all processes tell what is due: what their own wall clocks say, and whether these step, makes
/// no difference. Between two readings it goes on by the monotonic clock; before the first it is the process's own.
/// </summary>
public sealed class StoreClock(IConnectionMultiplexer redis) : TimeProvider
{
    /// <summary>A difference that no round trip explains: somebody has set the server's clock.</summary>
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    /// <summary>Without contact for so long, leases may have lapsed whose owners are alive.</summary>
    private static readonly TimeSpan Gap = TimeSpan.FromSeconds(3);

    /// <summary>A reading that took longer says too little.</summary>
    private static readonly TimeSpan LongestRoundTrip = TimeSpan.FromMilliseconds(500);

    private Reading? _reading;
    private long _contactAt;
    private int _interruptions;

    /// <summary>How often the clock has stepped, or could not be read for a while: after each, what has lapsed is not yet to be trusted.</summary>
    public int Interruptions => Volatile.Read(ref _interruptions);

    /// <summary>By how much the process's own clock is ahead of the server's, negative where it is behind; null before the first reading.</summary>
    public TimeSpan? ProcessAhead => Volatile.Read(ref _reading) is null ? null : ProcessNow - GetUtcNow();

    private DateTimeOffset ProcessNow => SteppedClock.Armed?.GetUtcNow() ?? base.GetUtcNow();

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
        => Volatile.Read(ref _reading) is { } reading ? reading.Server + GetElapsedTime(reading.Moment) : ProcessNow;

    /// <summary>Reads the server's clock.</summary>
    public async Task ReadAsync()
    {
        var askedAt = GetTimestamp();
        var now = await redis.GetDatabase().NowAsync();
        Observe(DateTimeOffset.FromUnixTimeMilliseconds(now), askedAt, GetTimestamp());
    }

    /// <summary>Takes a reading of the server's clock over.</summary>
    internal void Observe(DateTimeOffset server, long askedAt, long answeredAt)
    {
        var isSlow = GetElapsedTime(askedAt, answeredAt) > LongestRoundTrip;
        var contactAt = Interlocked.Exchange(ref _contactAt, answeredAt);
        var next = new Reading(server, askedAt + ((answeredAt - askedAt) / 2));
        if (_reading is { } last)
        {
            var step = (server - last.Server - GetElapsedTime(last.Moment, next.Moment)).Duration();
            if (GetElapsedTime(contactAt, answeredAt) > Gap || (!isSlow && step > Step))
            {
                Interlocked.Increment(ref _interruptions);
            }

            if (isSlow)
            {
                return;
            }
        }

        Volatile.Write(ref _reading, next);
    }

    private sealed record Reading(DateTimeOffset Server, long Moment);
}
