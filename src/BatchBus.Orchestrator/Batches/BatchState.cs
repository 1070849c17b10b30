using BatchBus.Contracts;
using MassTransit;

namespace BatchBus.Orchestrator.Batches;

/// <summary>
/// What the saga remembers of a batch: only which pages are released and which are still out, so it stays small however large the
/// batch is. Counts and results are the store's.
/// </summary>
public sealed class BatchState : SagaStateMachineInstance, ISagaVersion
{
    /// <summary>The batch.</summary>
    public Guid CorrelationId { get; set; }

    /// <summary>Rises with every save; a save of an outdated instance is refused.</summary>
    public int Version { get; set; }

    /// <summary>Pending, InProgress, Canceling or Ended.</summary>
    public string CurrentState { get; set; } = "";

    /// <summary>The workspace that owns the batch.</summary>
    public string Workspace { get; set; } = "";

    /// <summary>The workspace's weight when the batch began.</summary>
    public double Weight { get; set; } = 1;

    /// <summary>The trace in which the batch was created, as W3C's <c>traceparent</c>; null where nobody traces.</summary>
    public string? Trace { get; set; }

    /// <summary>The lanes that a model executes.</summary>
    public List<LaneProgress> Lanes { get; set; } = [];

    /// <summary>Pages that were released and not yet reported.</summary>
    public List<OutstandingPage> Outstanding { get; set; } = [];

    /// <summary>Takes a reported page off the list; false when it was not on it.</summary>
    internal bool Forget(RequestsCompleted report)
        => Outstanding.RemoveAll(page => page.Lane == report.Lane && page.From == report.From && page.Count == report.Count) > 0;

    internal bool IsDrained => Outstanding.Count == 0 && Lanes.TrueForAll(lane => lane.Remaining == 0);
}

/// <summary>How far the dispatch of one lane has come.</summary>
public sealed record LaneProgress
{
    /// <summary>The lane.</summary>
    public required int Lane { get; init; }

    /// <summary>The model that executes it.</summary>
    public required string Model { get; init; }

    /// <summary>Number of requests in it.</summary>
    public required int Count { get; init; }

    /// <summary>Mean size of a request's parameters, bytes.</summary>
    public required long MeanBytes { get; init; }

    /// <summary>Position of the first request that is not released yet.</summary>
    public int Cursor { get; set; }

    internal int Remaining => Count - Cursor;
}

/// <summary>A page that was released and not yet reported.</summary>
public sealed record OutstandingPage
{
    /// <summary>The lane.</summary>
    public required int Lane { get; init; }

    /// <summary>The model that executes it.</summary>
    public required string Model { get; init; }

    /// <summary>Position of its first request.</summary>
    public required int From { get; init; }

    /// <summary>Number of requests.</summary>
    public required int Count { get; init; }

    /// <summary>
    /// First position and lane of the page whose report released this one, null where the submission did. When that report comes
    /// again, the message for this page may have been lost with the first one's effects.
    /// </summary>
    public PageOrigin? ReleasedBy { get; init; }

    /// <summary>When its message was sent.</summary>
    public required DateTimeOffset DispatchedAt { get; init; }
}

/// <summary>Names the page whose report released another.</summary>
/// <param name="Lane">Its lane.</param>
/// <param name="From">Position of its first request.</param>
public sealed record PageOrigin(int Lane, int From);
