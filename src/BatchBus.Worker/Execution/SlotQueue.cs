namespace BatchBus.Worker.Execution;

/// <summary>
/// The slots of one model. Where more requests want one than there are, workspaces get them in turn, by weight, and within a workspace
/// who came first: weighted fair queueing, in which one that had nothing to do neither loses by it nor saves up for later.
/// </summary>
internal sealed class SlotQueue(int slots)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Workspace> _waiting = [];
    private int _free = slots;
    private double _turn;

    public Task TakeAsync(string workspace, double weight, CancellationToken cancellationToken)
    {
        TaskCompletionSource slot;
        lock (_gate)
        {
            if (_free > 0)
            {
                _free--;
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
            while (_waiting.Count > 0)
            {
                var (name, next) = _waiting.MinBy(workspace => workspace.Value.Turn);
                var (slot, weight) = next.Requests.Dequeue();
                if (next.Requests.Count == 0)
                {
                    _waiting.Remove(name);
                }

                if (slot.TrySetResult())
                {
                    _turn = next.Turn;
                    next.Turn += 1 / weight;
                    return;
                }
            }

            _free++;
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
