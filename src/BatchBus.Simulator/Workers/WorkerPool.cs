namespace BatchBus.Simulator.Workers;

/// <summary>
/// An endpoint's workers and the queue before them. Workers pull the oldest call, the least busy one first, which makes one with a dead
/// engine the greediest. Without settings there is one worker, always ready and without a limit.
/// </summary>
internal sealed class WorkerPool
{
    private static readonly SimulatedWorkers Unlimited = new() { Min = 1, Concurrency = int.MaxValue };

    private readonly Lock _lock = new();
    private readonly LinkedList<TaskCompletionSource<Worker>> _queue = [];
    private readonly List<Worker> _workers = [];
    private readonly EndpointClock _clock;
    private readonly ITimer _timer;
    private SimulatedWorkers? _settings;
    private int? _maxConcurrency;
    private int _dead;
    private int _running;
    private int _made;
    private int _turn;

    public WorkerPool(EndpointClock clock)
    {
        _clock = clock;
        _timer = clock.CreateTimer(_ => Settle());
        Settle();
    }

    /// <summary>Null for one worker without a limit. Between the two, the workers are replaced by new ones; otherwise they stay as far as they may.</summary>
    public SimulatedWorkers? Settings
    {
        get => Volatile.Read(ref _settings);
        set
        {
            value?.Validate();
            lock (_lock)
            {
                if (value is null != _settings is null)
                {
                    _workers.Clear();
                }

                _settings = value;
                Settle_NeedsLock();
            }
        }
    }

    public int? MaxConcurrency
    {
        get
        {
            lock (_lock)
            {
                return _maxConcurrency;
            }
        }

        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value ?? 1, 1);
            lock (_lock)
            {
                _maxConcurrency = value;
                Settle_NeedsLock();
            }
        }
    }

    public int Dead
    {
        get => Volatile.Read(ref _dead);
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            lock (_lock)
            {
                _dead = value;
                Settle_NeedsLock();
            }
        }
    }

    /// <summary>Takes the next free place, which the caller gives back with <see cref="Exit"/>.</summary>
    public ValueTask<Worker> EnterAsync(CancellationToken cancellationToken)
    {
        LinkedListNode<TaskCompletionSource<Worker>> place;
        lock (_lock)
        {
            if (_queue.Count == 0 && Take_NeedsLock() is { } worker)
            {
                return ValueTask.FromResult(worker);
            }

            place = _queue.AddLast(new TaskCompletionSource<Worker>(TaskCreationOptions.RunContinuationsAsynchronously));
            Settle_NeedsLock();
        }

        return WaitAsync(place, cancellationToken);
    }

    public void Exit(Worker worker)
    {
        lock (_lock)
        {
            worker.Running--;
            _running--;
            if (_settings is not null || _queue.Count > 0)
            {
                worker.Since = _clock.Now;
                Settle_NeedsLock();
            }
        }
    }

    public void Settle()
    {
        lock (_lock)
        {
            Settle_NeedsLock();
        }
    }

    public WorkerCounts Count()
    {
        lock (_lock)
        {
            var ready = _workers.Where(worker => worker.State == WorkerState.Ready).ToList();
            return new WorkerCounts(
                ready.Count(worker => worker.Running == 0),
                ready.Count(worker => worker.Running > 0),
                _workers.Count(worker => worker.State == WorkerState.Initializing),
                _workers.Count(worker => worker.State == WorkerState.Throttled),
                _queue.Count,
                _running);
        }
    }

    /// <summary>Whether there is none with a living engine among the workers.</summary>
    public bool IsDead()
    {
        lock (_lock)
        {
            return _dead > 0 && _workers.TrueForAll(worker => worker.IsDead);
        }
    }

    private async ValueTask<Worker> WaitAsync(LinkedListNode<TaskCompletionSource<Worker>> place, CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.UnsafeRegister(_ => Leave(place, cancellationToken), null);
        return await place.Value.Task;
    }

    private void Leave(LinkedListNode<TaskCompletionSource<Worker>> place, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (place.List is null)
            {
                return;
            }

            _queue.Remove(place);
        }

        place.Value.TrySetCanceled(cancellationToken);
    }

    private Worker? Take_NeedsLock()
    {
        if (_running >= _maxConcurrency)
        {
            return null;
        }

        var settings = _settings ?? Unlimited;
        Worker? free = null;
        var count = Math.Min(_workers.Count, settings.Max);
        _turn++;
        for (var i = 0; i < count; i++)
        {
            // Equally busy ones take turns.
            var worker = _workers[(i + _turn) % count];
            if (worker.State == WorkerState.Ready && worker.Running < settings.Concurrency && (free is null || worker.Running < free.Running))
            {
                free = worker;
            }
        }

        if (free is not null)
        {
            free.Running++;
            _running++;
        }

        return free;
    }

    private void Settle_NeedsLock()
    {
        var settings = _settings ?? Unlimited;
        var now = _clock.Now;
        foreach (var worker in _workers)
        {
            if (worker.State == WorkerState.Initializing && worker.Since <= now)
            {
                (worker.State, worker.Since) = (WorkerState.Ready, now);
            }
        }

        var open = (long)_queue.Count + _workers.Sum(worker => worker.Running);
        var wanted = (int)Math.Clamp((open + settings.Concurrency - 1) / settings.Concurrency, settings.Min, settings.Max);
        RemoveSurplus_NeedsLock(settings, wanted, now);
        while (_workers.Count < wanted)
        {
            _workers.Add(new Worker(_made++ == 0 ? "simulator" : $"simulator-{_made}", _clock));
        }

        FillCapacity_NeedsLock(settings, now);
        for (var i = 0; i < _workers.Count; i++)
        {
            _workers[i].IsDead = i < _dead;
        }

        while (_queue.First is { } next && Take_NeedsLock() is { } worker)
        {
            _queue.RemoveFirst();
            next.Value.TrySetResult(worker);
        }

        SetTimer_NeedsLock(settings, now);
    }

    private void RemoveSurplus_NeedsLock(SimulatedWorkers settings, int wanted, DateTimeOffset now)
    {
        for (var i = _workers.Count - 1; i >= 0 && _workers.Count > settings.Min; i--)
        {
            var worker = _workers[i];
            var isOver = _workers.Count > settings.Max || worker.State switch
            {
                WorkerState.Throttled => _workers.Count > wanted,
                WorkerState.Ready => worker.Since + settings.IdleTimeout <= now && _queue.Count == 0,
                _ => false,
            };
            if (worker.Running == 0 && isOver)
            {
                _workers.RemoveAt(i);
            }
        }
    }

    /// <summary>Gives machines to as many workers as there are, and takes those above that from workers that do nothing.</summary>
    private void FillCapacity_NeedsLock(SimulatedWorkers settings, DateTimeOffset now)
    {
        var placed = _workers.Count(worker => worker.State != WorkerState.Throttled);
        foreach (var worker in _workers)
        {
            if (worker.State == WorkerState.Throttled && placed < settings.Capacity)
            {
                placed++;
                worker.State = settings.ColdStart > TimeSpan.Zero ? WorkerState.Initializing : WorkerState.Ready;
                worker.Since = now + settings.ColdStart;
            }
            else if (worker.State != WorkerState.Throttled && placed > settings.Capacity && worker.Running == 0)
            {
                placed--;
                worker.State = WorkerState.Throttled;
            }
        }
    }

    private void SetTimer_NeedsLock(SimulatedWorkers settings, DateTimeOffset now)
    {
        DateTimeOffset? due = null;
        foreach (var worker in _workers)
        {
            var next = worker.State == WorkerState.Initializing ? worker.Since
                : worker.State == WorkerState.Ready && worker.Running == 0 && _workers.Count > settings.Min ? worker.Since + settings.IdleTimeout
                : (DateTimeOffset?)null;
            // What is overdue waits for another event, such as a place for the queue.
            due = next > now && !(due <= next) ? next : due;
        }

        if (due is { } at)
        {
            _clock.Set(_timer, at - now);
        }
    }
}
