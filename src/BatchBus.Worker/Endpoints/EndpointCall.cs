namespace BatchBus.Worker.Endpoints;

/// <summary>One call, from the slot that it was given to its outcome.</summary>
/// <param name="Gate">The endpoint that it goes to.</param>
/// <param name="Epoch">The circuit's, when it began.</param>
/// <param name="StartedAt">When it began, as a timestamp of the clock.</param>
/// <param name="IsTrial">Whether it tries an endpoint that is out of use.</param>
/// <param name="GpuTime">The endpoint's <see cref="GpuMeter"/> when it began.</param>
/// <param name="Successes">Answers of the endpoint when it began.</param>
internal readonly record struct EndpointCall(EndpointGate Gate, int Epoch, long StartedAt, bool IsTrial, TimeSpan GpuTime, long Successes)
{
    /// <summary>Whether the request has failed before while others succeeded: one that fails every time says nothing about the endpoint.</summary>
    public bool IsSuspect { get; init; }

    /// <summary>Whether this worker makes no other call meanwhile.</summary>
    public bool IsAlone { get; init; }
}
