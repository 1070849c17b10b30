namespace BatchBus.Orchestrator.Dispatch;

/// <summary>How batches are cut into pages; section <c>BatchBus:Dispatch</c>.</summary>
public sealed class DispatchOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "BatchBus:Dispatch";

    /// <summary>Most requests in one page; 1 gives one message per request.</summary>
    /// <value>32, and never more: a block of results covers no more.</value>
    public int MaxPageSize { get; set; } = 32;

    /// <summary>About how many bytes of parameters a page may hold.</summary>
    /// <value>4 MiB.</value>
    public int MaxPageBytes { get; set; } = 4 << 20;

    /// <summary>How many requests of all batches may be on their way to a model, as a multiple of the fleet's slots.</summary>
    /// <value>2: one set in flight, one waiting at the workers.</value>
    public double WindowFactor { get; set; } = 2;

    /// <summary>After which time a page that no worker has leased is sent again; doubles with every time.</summary>
    /// <value>60 seconds.</value>
    public TimeSpan RequeueAfter { get; set; } = TimeSpan.FromSeconds(60);
}
