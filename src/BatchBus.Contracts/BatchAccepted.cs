namespace BatchBus.Contracts;

/// <summary>A submission has become a batch, which is stored and will be executed.</summary>
public sealed record BatchAccepted
{
    /// <summary>The submission.</summary>
    public required Guid SubmissionId { get; init; }

    /// <summary>The batch that came of it; <see cref="Contracts.BatchId.Format"/> gives its public form.</summary>
    public required Guid BatchId { get; init; }
}

/// <summary>A submission was refused; nothing of it is stored.</summary>
public sealed record BatchRejected
{
    /// <summary>The submission.</summary>
    public required Guid SubmissionId { get; init; }

    /// <summary>The <c>error.type</c> that the same mistake has over HTTP.</summary>
    public required string ErrorType { get; init; }

    /// <summary>The field and the remedy.</summary>
    public required string Message { get; init; }
}
