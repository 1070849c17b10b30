namespace BatchBus.Storage.Usage;

/// <summary>What an endpoint's GPUs did.</summary>
/// <param name="Endpoint">The endpoint: the name of the model that it serves.</param>
/// <param name="Billed">GPU time for which it was billed.</param>
/// <param name="Busy">GPU time in which it had requests to answer.</param>
public sealed record EndpointTime(string Endpoint, TimeSpan Billed, TimeSpan Busy);
