using System.Text.Json.Serialization;

namespace BatchBus.Api.Usage;

/// <summary>What a workspace used on some days, and what that cost.</summary>
/// <param name="Workspace">The workspace.</param>
/// <param name="From">The first day.</param>
/// <param name="To">The last day.</param>
/// <param name="Total">All models together.</param>
/// <param name="Models">Each model that was used, by name.</param>
/// <param name="Days">The same by day; days without usage are left out.</param>
/// <param name="Endpoints">The endpoints that were metered, for all workspaces together.</param>
internal sealed record UsageReport(
    string Workspace, DateOnly From, DateOnly To, UsageTotal Total, IReadOnlyList<ModelUsage> Models, IReadOnlyList<DayUsage> Days, IReadOnlyList<EndpointUsage> Endpoints);

/// <summary>One day's usage.</summary>
/// <param name="Date">The UTC day on which the batches ended; batches that are still executed count on the present day.</param>
/// <param name="Total">All models together.</param>
/// <param name="Models">Each model that was used, by name.</param>
internal sealed record DayUsage(DateOnly Date, UsageTotal Total, IReadOnlyList<ModelUsage> Models);

/// <summary>Models together. What is unknown for one of them is unknown for all.</summary>
/// <param name="Requests">Requests with a result.</param>
/// <param name="Succeeded">Of these, answered.</param>
/// <param name="Errored">Of these, ended with an error.</param>
/// <param name="InputTokens">Prompt tokens, cached ones excluded.</param>
/// <param name="CachedTokens">Prompt tokens that were cached.</param>
/// <param name="OutputTokens">Generated tokens.</param>
/// <param name="GpuSeconds">Time that GPUs were busy.</param>
/// <param name="Cost">What it cost; its basis is <c>tokens</c> as soon as one model's is.</param>
/// <param name="DollarsPerMillionOutputTokens">The cost per million generated tokens.</param>
/// <param name="ManagedDollars">What the managed models would have cost.</param>
/// <param name="Cheaper">Which of both is.</param>
internal sealed record UsageTotal(
    int Requests,
    int Succeeded,
    int Errored,
    long InputTokens,
    long CachedTokens,
    long OutputTokens,
    double GpuSeconds,
    TotalCost Cost,
    decimal? DollarsPerMillionOutputTokens,
    decimal? ManagedDollars,
    string? Cheaper);

/// <summary>What several models cost together.</summary>
/// <param name="Dollars">US dollars.</param>
/// <param name="Basis">As for one model.</param>
internal sealed record TotalCost(decimal? Dollars, string Basis);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(UsageReport))]
internal sealed partial class UsageReportJson : JsonSerializerContext;
