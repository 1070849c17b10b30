namespace BatchBus.Worker.Execution;

/// <summary>
/// One model's share of this worker: as many slots as requests may be in flight, and room for about as many that wait for one. A page
/// is taken on while fewer requests wait than there are slots, whatever the pages' sizes, so the slots can always be filled and no
/// more than about twice their number is held.
/// </summary>
internal sealed class ModelWorker(string model, int slots) : IDisposable
{
    private readonly SemaphoreSlim _slots = new(slots);
    private readonly Lock _gate = new();
    private TaskCompletionSource _room = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _waiting;

    public string Model => model;

    public int Slots => slots;

    /// <summary>Answers so far; a failure counts against a request only where others succeed.</summary>
    public long Successes => Interlocked.Read(ref _successes);

    private long _successes;

    /// <summary>Requests that are held and have no slot yet.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
            {
                return _waiting;
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
                if (_waiting < slots)
                {
                    _waiting += requests;
                    return;
                }

                room = _room.Task;
            }

            await room.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Requests that were admitted no longer wait: they have a slot, or need none.</summary>
    public void Leave(int requests)
    {
        lock (_gate)
        {
            var full = _waiting >= slots;
            _waiting -= requests;
            if (full && _waiting < slots)
            {
                _room.TrySetResult();
                _room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }

    public Task TakeSlotAsync(CancellationToken cancellationToken) => _slots.WaitAsync(cancellationToken);

    public void ReturnSlot() => _slots.Release();

    public void CountSuccess() => Interlocked.Increment(ref _successes);

    public void Dispose() => _slots.Dispose();
}
