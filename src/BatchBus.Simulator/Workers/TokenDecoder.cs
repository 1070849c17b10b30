namespace BatchBus.Simulator.Workers;

/// <summary>
/// Sequences that share a worker's token rate. All running ones get the same number of tokens in the same time, so it is enough to
/// count what one of them got since the beginning, and a sequence ends when that count has grown by its own length.
/// </summary>
internal sealed class TokenDecoder
{
    private readonly Lock _lock = new();
    private readonly PriorityQueue<TaskCompletionSource, double> _sequences = new();
    private readonly EndpointClock _clock;
    private readonly ITimer _timer;
    private SimulatedTokenRate? _rate;
    private DateTimeOffset _at;
    private double _served;

    public TokenDecoder(EndpointClock clock)
    {
        _clock = clock;
        _timer = clock.CreateTimer(_ => Tick());
    }

    /// <summary>How many sequences run now.</summary>
    public int Sequences
    {
        get
        {
            lock (_lock)
            {
                return _sequences.Count;
            }
        }
    }

    public async Task DecodeAsync(SimulatedTokenRate rate, int tokens, CancellationToken cancellationToken)
    {
        await _clock.DelayAsync(rate.TimeToFirstToken, cancellationToken);
        var sequence = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            Advance_NeedsLock();
            _rate = rate;
            _sequences.Enqueue(sequence, _served + tokens);
            SetTimer_NeedsLock();
        }

        await using var registration = cancellationToken.UnsafeRegister(_ => Leave(sequence, cancellationToken), null);
        await sequence.Task;
    }

    private void Leave(TaskCompletionSource sequence, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            Advance_NeedsLock();
            _sequences.Remove(sequence, out _, out _);
            SetTimer_NeedsLock();
        }

        sequence.TrySetCanceled(cancellationToken);
    }

    private void Tick()
    {
        lock (_lock)
        {
            Advance_NeedsLock();
            SetTimer_NeedsLock();
        }
    }

    // Ending by ending, so that a timer that fires late does not keep the rate of sequences that are over.
    private void Advance_NeedsLock()
    {
        var now = _clock.Now;
        while (_sequences.TryPeek(out var sequence, out var end) && UntilServed_NeedsLock(end) is var wait && _at + wait <= now)
        {
            _at += wait;
            _served = end;
            _sequences.Dequeue();
            sequence.TrySetResult();
        }

        if (_sequences.Count > 0)
        {
            _served += (now - _at).TotalSeconds * RateOfOne_NeedsLock();
        }

        _at = now;
    }

    private void SetTimer_NeedsLock()
    {
        if (_sequences.TryPeek(out _, out var end))
        {
            _clock.Set(_timer, UntilServed_NeedsLock(end));
        }
    }

    private TimeSpan UntilServed_NeedsLock(double end) => TimeSpan.FromSeconds(Math.Max(0, end - _served) / RateOfOne_NeedsLock());

    private double RateOfOne_NeedsLock() => _rate!.TotalAt(_sequences.Count) / _sequences.Count;
}
