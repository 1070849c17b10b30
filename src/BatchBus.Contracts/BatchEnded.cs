namespace BatchBus.Contracts;

/// <summary>
/// A batch has ended: its results and counts are final. Published at least once per batch; a subscriber treats
/// <see cref="BatchId"/> as the key.
/// </summary>
public sealed record BatchEnded
{
    /// <summary>The batch; <see cref="Contracts.BatchId.Format"/> gives its public form.</summary>
    public required Guid BatchId { get; init; }

    /// <summary>The workspace that owns the batch.</summary>
    public required string Workspace { get; init; }

    /// <summary>Why the batch ended.</summary>
    public required BatchEndReason Reason { get; init; }

    /// <summary>The final counts; their sum is the number of requests.</summary>
    public required BatchCounts Counts { get; init; }

    /// <summary>When the batch was closed.</summary>
    public required DateTimeOffset EndedAt { get; init; }
}

/// <summary>Why a batch ended.</summary>
public enum BatchEndReason
{
    /// <summary>Every request has a result.</summary>
    Completed = 1,

    /// <summary>It was canceled.</summary>
    Canceled = 2,

    /// <summary>Its window passed.</summary>
    Expired = 3,
}

/// <summary>How many requests of an ended batch came to what.</summary>
public sealed record BatchCounts
{
    /// <summary>Requests that the model answered.</summary>
    public required int Succeeded { get; init; }

    /// <summary>Requests that were invalid or that the model could not answer.</summary>
    public required int Errored { get; init; }

    /// <summary>Requests that a cancel kept from being executed.</summary>
    public required int Canceled { get; init; }

    /// <summary>Requests that the end of the window kept from being executed.</summary>
    public required int Expired { get; init; }
}
