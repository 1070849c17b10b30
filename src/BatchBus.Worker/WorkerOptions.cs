namespace BatchBus.Worker;

/// <summary>How a worker holds its pages; section <c>BatchBus:Worker</c>.</summary>
public sealed class WorkerOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "BatchBus:Worker";

    /// <summary>
    /// How long a page belongs to a worker that is not heard of any more; renewed at a third of it. A crashed worker's pages wait so
    /// long, a worker that is cut off from Redis starts no call after it.
    /// </summary>
    /// <value>4 seconds.</value>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(4);

    /// <summary>How long a stopping worker waits for its calls before it hands their pages back.</summary>
    /// <value>10 seconds.</value>
    public TimeSpan StopGrace { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often one request tries an endpoint that is out of use; at once when the endpoint says that it is back.</summary>
    /// <value>15 seconds.</value>
    public TimeSpan TrialInterval { get; set; } = TimeSpan.FromSeconds(15);
}
