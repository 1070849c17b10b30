namespace BatchBus.Orchestrator.Sweep;

/// <summary>What the sweeper assumes about the bus it runs on.</summary>
public sealed class SweepOptions
{
    /// <summary>
    /// Since when messages can still be under way. With the in-memory transport that is the start of the process, and everything sent
    /// before it is lost; with a durable broker it is null.
    /// </summary>
    public DateTimeOffset? BusStartedAt { get; set; }
}
