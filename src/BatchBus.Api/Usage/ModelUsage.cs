namespace BatchBus.Api.Usage;

/// <summary>What one model was used for, and what that cost.</summary>
/// <param name="Model">The model of the catalogue.</param>
/// <param name="Requests">Its requests.</param>
/// <param name="Succeeded">Of these, answered.</param>
/// <param name="Errored">Of these, ended with an error.</param>
/// <param name="InputTokens">Prompt tokens, cached ones excluded.</param>
/// <param name="CachedTokens">Prompt tokens that were cached.</param>
/// <param name="OutputTokens">Generated tokens.</param>
/// <param name="GpuSeconds">Time that GPUs were busy with the requests; of a time that requests shared, each has its part.</param>
/// <param name="Simulated">Whether the simulator answers for the model.</param>
/// <param name="Cost">What the GPU time cost.</param>
/// <param name="DollarsPerMillionOutputTokens">The cost per million generated tokens, as achieved; null without either.</param>
/// <param name="Managed">What the managed model would have cost; null where none is named.</param>
/// <param name="Cheaper">Which of both is: <c>self_hosted</c> or <c>managed</c>; null where one is not known, or nothing real was measured.</param>
internal sealed record ModelUsage(
    string Model,
    int Requests,
    int Succeeded,
    int Errored,
    long InputTokens,
    long CachedTokens,
    long OutputTokens,
    double GpuSeconds,
    bool Simulated,
    UsageCost Cost,
    decimal? DollarsPerMillionOutputTokens,
    ManagedCost? Managed,
    string? Cheaper);

/// <summary>What GPU time cost.</summary>
/// <param name="Dollars">US dollars; null where there is no GPU time or no price.</param>
/// <param name="Basis">
/// What the figure was made from. <c>gpu_seconds</c>: the times that the endpoint reported. <c>tokens</c>: it reports none, so the tokens
/// at the throughput that was measured from outside. <c>none</c>: there is no figure.
/// </param>
/// <param name="DollarsPerGpuSecond">The price; null where none is set.</param>
internal sealed record UsageCost(decimal? Dollars, string Basis, decimal? DollarsPerGpuSecond);

/// <summary>What the same tokens would have cost with a managed model.</summary>
/// <param name="Name">The managed model.</param>
/// <param name="PriceAsOf">The day of the price.</param>
/// <param name="InputDollarsPerMillion">US dollars per million input tokens.</param>
/// <param name="OutputDollarsPerMillion">US dollars per million output tokens.</param>
/// <param name="Dollars">US dollars; cached tokens count in full.</param>
internal sealed record ManagedCost(string Name, DateOnly PriceAsOf, decimal InputDollarsPerMillion, decimal OutputDollarsPerMillion, decimal Dollars);
