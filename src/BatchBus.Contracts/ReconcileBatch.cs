namespace BatchBus.Contracts;

/// <summary>
/// Asks the orchestrator to compare a batch's saga with its record and to do what is due: expire it, cancel it, end it, or announce
/// its end. Sent by the sweeper; harmless at any time and in any number.
/// </summary>
public sealed record ReconcileBatch
{
    /// <summary>The batch.</summary>
    public required Guid BatchId { get; init; }
}
