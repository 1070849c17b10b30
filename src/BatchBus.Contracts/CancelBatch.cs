namespace BatchBus.Contracts;

/// <summary>
/// Hurries a cancel along that is already recorded: the cancel holds from the moment it is stored in the batch's record, whether or
/// not this message arrives.
/// </summary>
public sealed record CancelBatch
{
    /// <summary>The batch.</summary>
    public required Guid BatchId { get; init; }
}
