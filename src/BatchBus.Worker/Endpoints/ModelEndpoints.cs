using BatchBus.Inference;
using BatchBus.Inference.Catalog;
using BatchBus.Worker.Execution;

namespace BatchBus.Worker.Endpoints;

/// <summary>
/// The endpoints of one model, in order of preference. Calls go to the first that has full trust, and to those before it as far as their
/// trials and their return allow.
/// </summary>
internal sealed class ModelEndpoints(EndpointGate[] gates, SlotQueue slots)
{
    private readonly Lock _lock = new();

    public IReadOnlyList<EndpointGate> Gates => gates;

    /// <summary>Whether calls may leave jobs behind that another worker can go on with.</summary>
    public bool UseJobs { get; } = gates.Any(gate => gate.Endpoint.Protocol is ModelProtocol.RunPodJobs);

    /// <summary>Begins a call, for which there is a slot; null when the endpoints have changed since that was given.</summary>
    public EndpointCall? TryBegin()
    {
        lock (_lock)
        {
            foreach (var gate in gates)
            {
                if (gate.TryBegin() is { } call)
                {
                    return call;
                }

                if (gate.IsTrusted)
                {
                    break;
                }
            }

            return null;
        }
    }

    /// <summary>A call is over. Returns the GPU time that it was given, and whether others were answered meanwhile.</summary>
    public (TimeSpan GpuTime, bool OthersSucceeded) Complete(in EndpointCall call, InferenceOutcome? outcome)
    {
        lock (_lock)
        {
            var othersSucceeded = call.Gate.Successes > call.Successes;
            var gpuTime = call.Gate.Complete(call, outcome);
            Resize_NeedsLock();
            return (gpuTime, othersSucceeded);
        }
    }

    /// <summary>Reads what is known of the endpoints.</summary>
    public T Read<T>(Func<T> read)
    {
        lock (_lock)
        {
            return read();
        }
    }

    /// <summary>Changes what is known of the endpoints.</summary>
    public void Change(Action change)
    {
        lock (_lock)
        {
            change();
            Resize_NeedsLock();
        }
    }

    private void Resize_NeedsLock()
    {
        var size = 0;
        var isNeeded = true;
        foreach (var gate in gates)
        {
            // What is under way at an endpoint that gets no more has its slots until it is over.
            size += isNeeded ? gate.Limit : gate.InFlight;
            isNeeded &= !gate.IsTrusted;
        }

        slots.Resize(size);
    }
}
