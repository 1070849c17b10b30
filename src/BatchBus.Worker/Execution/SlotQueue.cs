namespace BatchBus.Worker.Execution;

/// <summary>
/// The slots of one model. Where more requests want one than there are, workspaces get them in turn, by weight, and within a workspace
/// who came first: weighted fair queueing, in which one that had nothing to do neither loses by it nor saves up for later.
/// </summary>
internal sealed class SlotQueue(int slots)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Workspace> _waiting = [];
    private int _size = slots;
    private int _taken;
    private double _turn;

    public Task TakeAsync(string workspace, double weight, CancellationToken cancellationToken)
    {
        TaskCompletionSource slot;
        lock (_gate)
        {
            if (_taken < _size)
            {
                _taken++;
                return Task.CompletedTask;
            }

            if (!_waiting.TryGetValue(workspace, out var own))
            {
                _waiting[workspace] = own = new Workspace { Turn = _turn };
            }

            slot = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            own.Requests.Enqueue((slot, weight));
        }

        return WaitAsync(slot, cancellationToken);
    }

    public void Return()
    {
        lock (_gate)
        {
            _taken--;
            GiveOut_NeedsLock();
        }
    }

    /// <summary>Changes the number of slots. Where there are fewer than are taken, none is given out until enough have come back.</summary>
    public void Resize(int slots)
    {
        lock (_gate)
        {
            if (slots != _size)
            {
                _size = slots;
                GiveOut_NeedsLock();
            }
        }
    }

    private void GiveOut_NeedsLock()
    {
        while (_taken < _size && _waiting.Count > 0)
        {
            var (name, next) = _waiting.MinBy(workspace => workspace.Value.Turn);
            var (slot, weight) = next.Requests.Dequeue();
            if (next.Requests.Count == 0)
            {
                _waiting.Remove(name);
            }

            if (slot.TrySetResult())
            {
                _taken++;
                _turn = next.Turn;
                next.Turn += 1 / weight;
            }
        }
    }

    private static async Task WaitAsync(TaskCompletionSource slot, CancellationToken cancellationToken)
    {
        await using (cancellationToken.UnsafeRegister(static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), slot))
        {
            await slot.Task;
        }
    }

    private sealed class Workspace
    {
        public Queue<(TaskCompletionSource Slot, double Weight)> Requests { get; } = new();

        /// <summary>When it is its turn, on a clock that runs with the slots given out.</summary>
        public double Turn { get; set; }
    }
}
