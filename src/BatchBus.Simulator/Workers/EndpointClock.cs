namespace BatchBus.Simulator.Workers;

/// <summary>An endpoint's time, which may pass faster than the server's.</summary>
internal sealed class EndpointClock(TimeProvider inner)
{
    private Pace? _pace;

    public double Scale
    {
        get => Volatile.Read(ref _pace)?.Scale ?? 1;
        set
        {
            if (!(value is > 0 and <= 1_000_000))
            {
                throw new ArgumentOutOfRangeException(nameof(value), value, "A time scale is a number above 0, at most a million.");
            }

            Volatile.Write(ref _pace, new Pace(value, Now, inner.GetUtcNow()));
        }
    }

    public DateTimeOffset Now => Volatile.Read(ref _pace) is { } pace ? pace.Since + ((inner.GetUtcNow() - pace.InnerSince) * pace.Scale) : inner.GetUtcNow();

    public Task DelayAsync(TimeSpan time, CancellationToken cancellationToken) =>
        time > TimeSpan.Zero ? Task.Delay(time / Scale, inner, cancellationToken) : Task.CompletedTask;

    public ITimer CreateTimer(TimerCallback callback) => inner.CreateTimer(callback, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>Sets a timer to a time of this clock: never before it, which timers that cut off fractions of a millisecond would do.</summary>
    public void Set(ITimer timer, TimeSpan time) =>
        timer.Change(TimeSpan.FromMilliseconds(Math.Ceiling(Math.Clamp(time.TotalMilliseconds / Scale, 0, int.MaxValue))), Timeout.InfiniteTimeSpan);

    private sealed record Pace(double Scale, DateTimeOffset Since, DateTimeOffset InnerSince);
}
