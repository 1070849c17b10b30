namespace BatchBus.Orchestrator.Sweep;

/// <summary>How long ended batches are kept; section <c>BatchBus:Retention</c>.</summary>
public sealed class RetentionOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "BatchBus:Retention";

    /// <summary>From the creation of a batch until its requests and results are removed; the batch itself can still be read.</summary>
    /// <value>29 days.</value>
    public TimeSpan Results { get; set; } = TimeSpan.FromDays(29);
}
