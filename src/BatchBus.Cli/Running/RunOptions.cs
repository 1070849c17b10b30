namespace BatchBus.Cli.Running;

/// <summary>What <c>batchbus run</c> was asked for.</summary>
/// <param name="File">The requests.</param>
/// <param name="Stage">The stage of the whole batch.</param>
/// <param name="Endpoints">Address by model, in place of what is configured.</param>
/// <param name="ServedModels">Name at the endpoint, by model.</param>
/// <param name="Output">Where the results go.</param>
/// <param name="DataDirectory">Data folder; null for the configured one.</param>
/// <param name="Again">Whether a file that was run to its end is run anew.</param>
internal sealed record RunOptions(
    string File,
    string? Stage,
    IReadOnlyDictionary<string, string> Endpoints,
    IReadOnlyDictionary<string, string> ServedModels,
    string Output,
    string? DataDirectory,
    bool Again);
