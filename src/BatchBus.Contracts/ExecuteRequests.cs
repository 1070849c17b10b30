namespace BatchBus.Contracts;

/// <summary>
/// Execute one page: a range of a batch's requests for one model. Sent by the orchestrator to the model's queue. The message is a
/// hint that there is work: who executes the page is decided by a lease in Redis, so a repeated message does no harm.
/// </summary>
public sealed record ExecuteRequests
{
    /// <summary>The batch.</summary>
    public required Guid BatchId { get; init; }

    /// <summary>The model of the catalogue that executes the page.</summary>
    public required string Model { get; init; }

    /// <summary>Which of the batch's lanes the range lies in: a lane is the sequence of the batch's requests that were routed alike.</summary>
    public required int Lane { get; init; }

    /// <summary>Position of the page's first request within its lane, from 0.</summary>
    public required int From { get; init; }

    /// <summary>Number of requests in the page.</summary>
    public required int Count { get; init; }

    /// <summary>The workspace that owns the batch; a worker shares its slots out among workspaces.</summary>
    public required string Workspace { get; init; }

    /// <summary>How much of the slots the workspace may have beside others.</summary>
    public required double Weight { get; init; }
}
