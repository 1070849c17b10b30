namespace BatchBus.Api.Usage;

/// <summary>What an endpoint's GPUs were billed for and did, for all workspaces together.</summary>
/// <param name="Endpoint">The endpoint: the model that it serves.</param>
/// <param name="BilledSeconds">GPU time that was billed.</param>
/// <param name="BusySeconds">GPU time in which there were requests to answer.</param>
/// <param name="IdleSeconds">GPU time that was billed all the same.</param>
/// <param name="BilledDollars">US dollars for the first; null without a price, as the next two.</param>
/// <param name="BusyDollars">US dollars for the second.</param>
/// <param name="IdleDollars">US dollars for the third.</param>
/// <param name="Utilization">The busy part of the billed time; null where nothing was billed.</param>
/// <param name="BreakEvenUtilization">
/// The part of the billed time that must be busy for the tokens to cost what the managed model takes, by the tokens per busy second that
/// the workspace achieved. Above 1, a GPU that is never idle is still dearer; null where that cannot be told.
/// </param>
/// <param name="Cheaper"><c>self_hosted</c> or <c>managed</c>, idle time included; null where that cannot be told.</param>
internal sealed record EndpointUsage(
    string Endpoint,
    double BilledSeconds,
    double BusySeconds,
    double IdleSeconds,
    decimal? BilledDollars,
    decimal? BusyDollars,
    decimal? IdleDollars,
    double? Utilization,
    double? BreakEvenUtilization,
    string? Cheaper);
