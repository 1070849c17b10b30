namespace BatchBus.Simulator.Scripting;

/// <summary>Holds the calls of one operation against a rate limit.</summary>
internal sealed class RateGate
{
    private readonly Lock _lock = new();
    private readonly Queue<DateTimeOffset> _recent = [];
    private int _open;

    /// <summary>Lets a call in, which then ends with <see cref="Exit"/>; false for one that is over the limit.</summary>
    public bool TryEnter(SimulatedRateLimit limit, DateTimeOffset now)
    {
        lock (_lock)
        {
            while (_recent.TryPeek(out var oldest) && oldest + limit.Window <= now)
            {
                _recent.Dequeue();
            }

            if (_open >= limit.Concurrent || _recent.Count >= limit.Requests)
            {
                return false;
            }

            _recent.Enqueue(now);
            _open++;
            return true;
        }
    }

    public void Exit()
    {
        lock (_lock)
        {
            _open--;
        }
    }
}
