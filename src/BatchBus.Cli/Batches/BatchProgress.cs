using System.Text.Json.Serialization;

namespace BatchBus.Cli.Batches;

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
/// <param name="GpuSeconds">Time that GPUs were busy with the requests, shared times in parts.</param>
/// <param name="Simulated">Whether the simulator answers.</param>
/// <param name="Cost">What the GPU time cost.</param>
/// <param name="DollarsPerMillionOutputTokens">The cost per million generated tokens; null where it is not known.</param>
/// <param name="Managed">What the managed model would have cost; null where none is named.</param>
internal sealed record ModelProgress(
    string Model,
    int Requests,
    int Succeeded,
    int Errored,
    long InputTokens,
    long CachedTokens,
    long OutputTokens,
    double GpuSeconds,
    bool Simulated,
    ModelCost Cost,
    decimal? DollarsPerMillionOutputTokens,
    ManagedCost? Managed)
{
    public int Done => Succeeded + Errored;
}

/// <summary>What GPU time cost.</summary>
/// <param name="Dollars">US dollars; null where it is not known.</param>
/// <param name="Basis"><c>gpu_seconds</c> where the endpoint reported them, <c>tokens</c> where it did not, <c>none</c> without a figure.</param>
/// <param name="DollarsPerGpuSecond">The price; null where none is set.</param>
internal sealed record ModelCost(decimal? Dollars, string Basis, decimal? DollarsPerGpuSecond);

/// <summary>What the same tokens would have cost with a managed model.</summary>
/// <param name="Name">The managed model.</param>
/// <param name="PriceAsOf">The day of the price.</param>
/// <param name="Dollars">US dollars.</param>
internal sealed record ManagedCost(string Name, DateOnly PriceAsOf, decimal Dollars);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BatchProgress))]
internal sealed partial class BatchProgressJson : JsonSerializerContext;
