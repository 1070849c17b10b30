using BatchBus.Contracts;

namespace BatchBus.Storage.Batches;

/// <summary>What the store knows of a committed batch at one moment.</summary>
public sealed record BatchRecord
{
    /// <summary>The batch.</summary>
    public required Guid BatchId { get; init; }

    /// <summary>The workspace that owns it.</summary>
    public required string Workspace { get; init; }

    /// <summary>The stage of the whole batch, if it was given one.</summary>
    public string? Stage { get; init; }

    /// <summary>When it was created; microseconds.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When requests without a result become expired.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When a cancel was first asked for.</summary>
    public DateTimeOffset? CancelInitiatedAt { get; init; }

    /// <summary>When it was closed; from then on its results and counts never change.</summary>
    public DateTimeOffset? ClosedAt { get; init; }

    /// <summary>Why it was closed.</summary>
    public BatchEndReason? Reason { get; init; }

    /// <summary>Whether its end has come back over the bus, and so was published.</summary>
    public bool Announced { get; init; }

    /// <summary>When its requests and results were removed.</summary>
    public DateTimeOffset? ArchivedAt { get; init; }

    /// <summary>Who is to be told of its end, where somebody is, and how far that has come.</summary>
    public WebhookState? Webhook { get; init; }

    /// <summary>The lanes, by their number.</summary>
    public required IReadOnlyList<Lane> Lanes { get; init; }

    /// <summary>What each lane has come to, in the order of <see cref="Lanes"/>.</summary>
    public required IReadOnlyList<LaneTally> Tallies { get; init; }

    /// <summary>What each model has come to; requests that can be routed nowhere are in none.</summary>
    public IReadOnlyDictionary<string, LaneTally> TallyByModel => Lanes.Zip(Tallies)
        .Where(lane => lane.First.Model is not null)
        .GroupBy(lane => lane.First.Model!, lane => lane.Second)
        .ToDictionary(lanes => lanes.Key, LaneTally.Sum);

    /// <summary>Number of requests.</summary>
    public int Total => Lanes.Sum(lane => lane.Count);

    /// <summary>Requests that succeeded so far.</summary>
    public int Succeeded => Tallies.Sum(tally => tally.Succeeded);

    /// <summary>Requests that errored so far.</summary>
    public int Errored => Tallies.Sum(tally => tally.Errored);

    /// <summary>Requests that have no result of their own: still to come while the batch is open, canceled or expired once it is closed.</summary>
    public int Unfinished => Total - Succeeded - Errored;

    /// <summary>The final counts of a closed batch.</summary>
    public BatchCounts FinalCounts => new()
    {
        Succeeded = Succeeded,
        Errored = Errored,
        Canceled = Reason is BatchEndReason.Canceled ? Unfinished : 0,
        Expired = Reason is BatchEndReason.Expired ? Unfinished : 0,
    };

    /// <summary>The message that announces the batch.</summary>
    public BatchSubmitted Submitted()
        => new() { BatchId = BatchId, Workspace = Workspace, Requests = Total, CreatedAt = CreatedAt, ExpiresAt = ExpiresAt };
}
