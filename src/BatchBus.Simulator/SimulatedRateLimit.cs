namespace BatchBus.Simulator;

/// <summary>How many calls of one operation an endpoint takes before it answers 429.</summary>
/// <param name="Requests">Calls that were taken within any <see cref="Window"/>; null for no limit.</param>
/// <param name="Concurrent">Calls that are being answered at once; null for no limit.</param>
public sealed record SimulatedRateLimit(int? Requests = null, int? Concurrent = null)
{
    /// <summary>The length of the sliding window, in the endpoint's time.</summary>
    /// <value>Default: 10 s.</value>
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Sent as <c>Retry-After</c> with each 429, in whole seconds.</summary>
    /// <value>Default: null, no such header, as RunPod documents none.</value>
    public TimeSpan? RetryAfter { get; init; }
}
