namespace BatchBus.Contracts;

/// <summary>
/// A batch is stored and committed: it will be executed. Published once per batch, and again when a crash may have
/// swallowed the first; a subscriber treats <see cref="BatchId"/> as the key.
/// </summary>
public sealed record BatchSubmitted
{
    /// <summary>The batch; <see cref="Contracts.BatchId.Format"/> gives its public form.</summary>
    public required Guid BatchId { get; init; }

    /// <summary>The workspace that owns the batch.</summary>
    public required string Workspace { get; init; }

    /// <summary>Number of requests, those that can never be executed included.</summary>
    public required int Requests { get; init; }

    /// <summary>When the batch was created.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When requests that have no result yet become expired.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }
}
