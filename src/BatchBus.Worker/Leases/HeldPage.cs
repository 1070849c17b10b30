using BatchBus.Contracts;
using BatchBus.Storage.Pages;

namespace BatchBus.Worker.Leases;

/// <summary>
/// A page that this worker holds, and whether calls may still be started for it. Times are of the monotonic clock: a lease counts from
/// before it was asked for, and ends a little before the store ends it.
/// </summary>
#pragma warning disable CA1001 // The source has neither a timer nor a wait handle: there is nothing to dispose of.
internal sealed class HeldPage(ExecuteRequests message, TimeProvider time)
#pragma warning restore CA1001
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _withdrawn = new();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _askedAt;
    private TimeSpan _validFor;
    private HeldPageState _state = HeldPageState.Held;

    public Page Page { get; } = new(message.BatchId, message.Lane, message.From, message.Count);

    public string Model => message.Model;

    public string Workspace => message.Workspace;

    public double Weight => message.Weight;

    /// <summary>The trace in which the batch was created, where the page is not to be part of it; null otherwise.</summary>
    public string? BatchTrace { get; init; }

    /// <summary>Ends the waits for calls that can no longer be started.</summary>
    public CancellationToken Withdrawn => _withdrawn.Token;

    public void Renewed(long askedAt, TimeSpan lease)
    {
        lock (_gate)
        {
            _askedAt = askedAt;
            _validFor = lease * 0.9;
            Signal_NeedsLock();
        }
    }

    /// <summary>Nothing more is started: another worker has the page, or the batch takes no more calls.</summary>
    public void Withdraw(HeldPageState state)
    {
        lock (_gate)
        {
            if (_state is not HeldPageState.Held)
            {
                return;
            }

            _state = state;
            Signal_NeedsLock();
        }

        _withdrawn.Cancel();
    }

    /// <summary>Waits for a moment at which a call may be started; false when that can no longer come.</summary>
    public async ValueTask<bool> MayStartAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_state is not HeldPageState.Held)
                {
                    return false;
                }

                if (time.GetElapsedTime(_askedAt) < _validFor)
                {
                    return true;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Whether <see cref="MayStartAsync"/> would answer at once, and with yes.</summary>
    public bool MayStart
    {
        get
        {
            lock (_gate)
            {
                return _state is HeldPageState.Held && time.GetElapsedTime(_askedAt) < _validFor;
            }
        }
    }

    public HeldPageState State
    {
        get
        {
            lock (_gate)
            {
                return _state;
            }
        }
    }

    private void Signal_NeedsLock()
    {
        _changed.TrySetResult();
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>Whether calls may be started for a page that a worker leased.</summary>
internal enum HeldPageState
{
    /// <summary>They may, while the lease is valid.</summary>
    Held,

    /// <summary>Another worker has taken the page over.</summary>
    Lost,

    /// <summary>The batch is being canceled, has expired, is closed or gone.</summary>
    BatchStopped,

    /// <summary>This worker is stopping.</summary>
    WorkerStopping,
}
