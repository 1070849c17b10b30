namespace BatchBus.Simulator;

/// <summary>The workers of an endpoint: how many there may be, how much each takes on, and how they come and go.</summary>
public sealed record SimulatedWorkers
{
    /// <summary>Workers that stay without any work; they, too, start cold.</summary>
    /// <value>Default: 0.</value>
    public int Min { get; init; }

    /// <summary>The most workers at a time; with 0, jobs stay in the queue.</summary>
    /// <value>Default: 1.</value>
    public int Max { get; init; } = 1;

    /// <summary>Calls that one worker runs at once; further ones wait in the queue. A worker is added for every so many open calls.</summary>
    /// <value>Default: 1.</value>
    public int Concurrency { get; init; } = 1;

    /// <summary>How long a new worker is <c>initializing</c> before it takes its first job.</summary>
    /// <value>Default: none.</value>
    public TimeSpan ColdStart { get; init; }

    /// <summary>After how long without work a worker beyond <see cref="Min"/> goes away.</summary>
    /// <value>Default: 10 s.</value>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>For how many workers there are machines; the others are <c>throttled</c> and take nothing.</summary>
    /// <value>Default: no limit.</value>
    public int Capacity { get; init; } = int.MaxValue;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Min);
        ArgumentOutOfRangeException.ThrowIfLessThan(Max, Min);
        ArgumentOutOfRangeException.ThrowIfLessThan(Concurrency, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(ColdStart, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(IdleTimeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfNegative(Capacity);
    }
}
