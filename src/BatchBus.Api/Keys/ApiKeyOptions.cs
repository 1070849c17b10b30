namespace BatchBus.Api.Keys;

/// <summary>One key that is let in; an entry of the section <c>BatchBus:ApiKeys</c>.</summary>
public sealed class ApiKeyOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "BatchBus:ApiKeys";

    /// <summary>The workspace whose batches the key can see and make.</summary>
    public string Workspace { get; set; } = "";

    /// <summary>The key's <see cref="ApiKey.Hash"/>, as <c>batchbus keys create</c> prints it.</summary>
    public string Hash { get; set; } = "";

    /// <summary>Most calls of the key in one minute, of whatever kind.</summary>
    /// <value>None.</value>
    public int? RequestsPerMinute { get; set; }

    /// <summary>Most requests in batches of the workspace that have not ended, including those of the batch that the key adds.</summary>
    /// <value>None.</value>
    public int? MaxWaitingRequests { get; set; }
}
