using BatchBus.Worker.Leases;

namespace BatchBus.Worker.Execution;

/// <summary>
/// One model's share of this worker: as many slots as requests may be in flight, and room for about as many that wait for one or for
/// their next try. A page is taken on while less than twice the slots' number is held, whatever the pages' sizes, so the slots can always
/// be filled and an endpoint that fails does not draw ever more pages here.
/// </summary>
internal sealed class ModelWorker(string model, int slots)
{
    private readonly SlotQueue _slots = new(slots);
    private readonly Lock _gate = new();
    private TaskCompletionSource _room = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _held;

    private int Room => 2 * slots;

    public string Model => model;

    public int Slots => slots;

    /// <summary>Answers so far; a failure counts against a request only where others succeed.</summary>
    public long Successes => Interlocked.Read(ref _successes);

    private long _successes;

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

    public Task TakeSlotAsync(HeldPage page, CancellationToken cancellationToken) => _slots.TakeAsync(page.Workspace, page.Weight, cancellationToken);

    public void ReturnSlot() => _slots.Return();

    public void CountSuccess() => Interlocked.Increment(ref _successes);
}
