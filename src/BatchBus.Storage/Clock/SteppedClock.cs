using System.Globalization;

namespace BatchBus.Storage.Clock;

/// <summary>
/// A wall clock that a fault test sets wrong by <c>BATCHBUS_CLOCK_STEP=by[@after]</c>, such as <c>-01:00:00@00:00:05</c>: right until the
/// time after the start of the process, then off. Timers and timestamps are the monotonic clock's and stay as they are.
/// </summary>
internal sealed class SteppedClock : TimeProvider
{
    private const string Variable = "BATCHBUS_CLOCK_STEP";

    private readonly TimeSpan _after;
    private readonly TimeSpan _by;
    private readonly long _started = System.GetTimestamp();

    private SteppedClock(TimeSpan by, TimeSpan after)
    {
        _by = by;
        _after = after;
    }

    /// <summary>Null in every normal run.</summary>
    public static readonly SteppedClock? Armed = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text ? Read(text) : null;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + (System.GetElapsedTime(_started) >= _after ? _by : TimeSpan.Zero);

    private static SteppedClock Read(string text)
    {
        var parts = text.Split('@');
        return new SteppedClock(
            TimeSpan.Parse(parts[0], CultureInfo.InvariantCulture), parts.Length > 1 ? TimeSpan.Parse(parts[1], CultureInfo.InvariantCulture) : TimeSpan.Zero);
    }
}
