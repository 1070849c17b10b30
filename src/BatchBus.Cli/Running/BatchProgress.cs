using System.Text.Json.Serialization;

namespace BatchBus.Cli.Running;

/// <summary>How far a batch is, as its event stream tells.</summary>
/// <param name="Total">Number of requests.</param>
/// <param name="Succeeded">Succeeded so far.</param>
/// <param name="Errored">Errored so far.</param>
/// <param name="Models">The same per model, with usage; requests that could not be routed are in none.</param>
internal sealed record BatchProgress(int Total, int Succeeded, int Errored, IReadOnlyList<ModelProgress> Models)
{
    public int Done => Succeeded + Errored;
}

/// <summary>One model's part in a batch.</summary>
/// <param name="Model">The model.</param>
/// <param name="Requests">Requests that were routed to it.</param>
/// <param name="Succeeded">Succeeded so far.</param>
/// <param name="Errored">Errored so far.</param>
/// <param name="InputTokens">Prompt tokens, cached ones excluded.</param>
/// <param name="CachedTokens">Prompt tokens that were cached.</param>
/// <param name="OutputTokens">Generated tokens.</param>
/// <param name="Simulated">Whether the simulator answers.</param>
internal sealed record ModelProgress(
    string Model, int Requests, int Succeeded, int Errored, long InputTokens, long CachedTokens, long OutputTokens, bool Simulated)
{
    public int Done => Succeeded + Errored;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BatchProgress))]
internal sealed partial class BatchProgressJson : JsonSerializerContext;
