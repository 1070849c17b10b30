namespace BatchBus.Storage.Submissions;

/// <summary>What a submission is tied to.</summary>
/// <param name="BatchId">The batch, which may still be on its way.</param>
/// <param name="Body">Hash of what was submitted; null until <see cref="SubmissionStore.HoldAsync"/> noted it.</param>
/// <param name="Age">Since when, by the clock of the Redis server.</param>
/// <param name="IsHeld">Whether whoever makes the batch was heard of within the time that it asked for.</param>
public sealed record SubmissionTie(Guid BatchId, string? Body, TimeSpan Age, bool IsHeld);
