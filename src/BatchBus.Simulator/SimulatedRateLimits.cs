namespace BatchBus.Simulator;

/// <summary>The rate limits of an endpoint; an operation without one is not limited.</summary>
/// <param name="Run">Of <c>/run</c>.</param>
/// <param name="Status">Of <c>/status</c> and of the OpenAI style, counted together.</param>
/// <param name="Cancel">Of <c>/cancel</c>.</param>
public sealed record SimulatedRateLimits(SimulatedRateLimit? Run = null, SimulatedRateLimit? Status = null, SimulatedRateLimit? Cancel = null)
{
    /// <summary>What RunPod publishes as base limits of an endpoint.</summary>
    public static SimulatedRateLimits RunPod { get; } = new(new(1000, 200), new(2000, 400), new(100, 20));

    internal SimulatedRateLimit? For(SimulatedOperation operation) => operation switch
    {
        SimulatedOperation.Run => Run,
        SimulatedOperation.Status => Status,
        SimulatedOperation.Cancel => Cancel,
        _ => throw new ArgumentOutOfRangeException(nameof(operation), operation, null),
    };
}
