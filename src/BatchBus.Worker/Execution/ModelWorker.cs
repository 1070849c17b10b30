using BatchBus.Inference;
using BatchBus.Storage.Pages;
using BatchBus.Worker.Endpoints;
using BatchBus.Worker.Leases;

namespace BatchBus.Worker.Execution;

/// <summary>
/// One model's share of this worker: as many slots as requests may be in flight, and room for about as many that wait for one or for
/// their next try. A page is taken on while less than twice the slots' number is held, whatever the pages' sizes, so the slots can always
/// be filled and an endpoint that fails does not draw ever more pages here.
/// </summary>
internal sealed class ModelWorker
{
    private readonly SlotQueue _slots;
    private readonly CallGate _calls;
    private readonly Lock _gate = new();
    private TaskCompletionSource _room = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _held;

    /// <param name="model">The model.</param>
    /// <param name="slots">Most requests in flight.</param>
    /// <param name="gates">Its endpoints, in order of preference.</param>
    /// <param name="calls">The calls of this worker, of all models.</param>
    public ModelWorker(string model, int slots, EndpointGate[] gates, CallGate calls)
    {
        (Model, Slots, _calls) = (model, slots, calls);
        _slots = new SlotQueue(slots);
        Endpoints = new ModelEndpoints(gates, _slots);
    }

    private int Room => 2 * Slots;

    public string Model { get; }

    public int Slots { get; }

    public ModelEndpoints Endpoints { get; }

    /// <summary>Requests that were admitted and are not over.</summary>
    public int Held
    {
        get
        {
            lock (_gate)
            {
                return _held;
            }
        }
    }

    /// <summary>Waits until there is room for another page, and takes it.</summary>
    public async Task AdmitAsync(int requests, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task room;
            lock (_gate)
            {
                if (_held < Room)
                {
                    _held += requests;
                    return;
                }

                room = _room.Task;
            }

            await room.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Requests that were admitted are over, or need not be executed here.</summary>
    public void Leave(int requests)
    {
        lock (_gate)
        {
            var full = _held >= Room;
            _held -= requests;
            if (full && _held < Room)
            {
                _room.TrySetResult();
                _room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }

    /// <summary>Waits for a slot, in turn with others, and for an endpoint that takes the call.</summary>
    /// <param name="page">The request's page.</param>
    /// <param name="alone">Whether this worker may make no other call, of any model, until <see cref="EndAlone"/>.</param>
    /// <exception cref="OperationCanceledException">The page was withdrawn.</exception>
    public async Task<EndpointCall> BeginAsync(HeldPage page, bool alone = false)
    {
        while (true)
        {
            await _slots.TakeAsync(page.Workspace, page.Weight, page.Withdrawn);
            try
            {
                await _calls.EnterAsync(alone, page.Withdrawn);
            }
            catch
            {
                _slots.Return();
                throw;
            }

            if (Endpoints.TryBegin() is { } call)
            {
                return call with { IsAlone = alone };
            }

            _calls.Leave(alone);
            _slots.Return();
        }
    }

    /// <summary>A call is over: gives its slot back. Returns the GPU time that it was given, and whether others were answered meanwhile.</summary>
    public (TimeSpan GpuTime, bool OthersSucceeded) Complete(in EndpointCall call, InferenceOutcome? outcome)
    {
        var result = Endpoints.Complete(call, outcome);
        if (!call.IsAlone)
        {
            _calls.Leave(alone: false);
        }

        _slots.Return();
        return result;
    }

    /// <summary>Other calls may be made again.</summary>
    public void EndAlone() => _calls.Leave(alone: true);

    /// <summary>Frees the endpoints of jobs.</summary>
    public Task CancelAsync(IEnumerable<SubmittedJob> jobs, CancellationToken cancellationToken)
        => Task.WhenAll(jobs.Select(job => Endpoints.Gates.FirstOrDefault(gate => gate.Endpoint.Name == job.Endpoint)?.Client.CancelAsync(job.Id, cancellationToken) ?? Task.CompletedTask));
}
