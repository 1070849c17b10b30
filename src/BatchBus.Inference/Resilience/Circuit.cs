namespace BatchBus.Inference.Resilience;

/// <summary>
/// Takes an endpoint out of use when its failures are more than chance, and back with care: one trial, then twice as many calls with every
/// round of answers, until a second failure. Failures of a tenth of recent calls are enough, or some in a row, because a worker whose engine
/// is dead fails what it gets within milliseconds while its healthy neighbours take their time. Not safe for concurrent use.
/// </summary>
public sealed class Circuit(TimeProvider time)
{
    private const double FewestFailures = 5;
    private const double FewestWhileReturning = 2;
    private const double LeastShare = 0.1;

    // With many calls a second, a tenth of the recent ones is many failures.
    private const int EnoughInARow = 8;

    // So few come by chance: what opens the circuit has to happen within some seconds.
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(10);

    private double _calls;
    private double _failures;
    private int _inARow;
    private long _countedAt = time.GetTimestamp();
    private int? _ramp;

    /// <summary>Whether no call may be made but a trial.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>Whether it is open because of something that only an operator can mend.</summary>
    public bool IsStopped { get; private set; }

    /// <summary>Whether the endpoint has its full trust: neither open nor coming back.</summary>
    public bool IsClosed => !IsOpen && _ramp is null;

    /// <summary>Grows with every opening; an outcome of a call that began before the last one says nothing about now.</summary>
    public int Epoch { get; private set; }

    /// <summary>Calls that may be in flight as far as this is concerned.</summary>
    public int Limit => IsOpen ? 0 : _ramp ?? int.MaxValue;

    /// <summary>A call was answered, if only to say that the request is wrong.</summary>
    /// <param name="epoch">The <see cref="Epoch"/> in which it began.</param>
    /// <param name="full">The limit at which the endpoint has its full trust again.</param>
    public void Succeeded(int epoch, int full)
    {
        if (epoch != Epoch || IsOpen)
        {
            return;
        }

        Count(failures: 0);
        _inARow = 0;
        _ramp = ++_ramp >= full ? null : _ramp;
    }

    /// <summary>A call failed, and not because of its request. Returns whether that opens the circuit.</summary>
    public bool Failed(int epoch)
    {
        if (epoch != Epoch || IsOpen)
        {
            return false;
        }

        Count(failures: 1);
        _inARow++;
        if (_failures < (_ramp is null ? FewestFailures : FewestWhileReturning) - 0.5 || (_failures < LeastShare * _calls && _inARow < EnoughInARow))
        {
            return false;
        }

        Open(isStopped: false);
        return true;
    }

    /// <summary>Takes the endpoint out of use.</summary>
    public void Open(bool isStopped)
    {
        (IsOpen, IsStopped, _ramp, _calls, _failures, _inARow) = (true, isStopped, null, 0, 0, 0);
        Epoch++;
    }

    /// <summary>A trial succeeded, here or elsewhere: calls begin again, few at first.</summary>
    public void Recover()
    {
        if (IsOpen)
        {
            (IsOpen, IsStopped, _ramp) = (false, false, 2);
        }
    }

    private void Count(int failures)
    {
        var now = time.GetTimestamp();
        var kept = Math.Exp(-time.GetElapsedTime(_countedAt, now) / Memory);
        (_calls, _failures, _countedAt) = ((_calls * kept) + 1, (_failures * kept) + failures, now);
    }
}
