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
}
