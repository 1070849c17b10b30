namespace BatchBus.Inference.Resilience;

/// <summary>
/// How many calls an endpoint is given at once, between 1 and a maximum: as many as it executes, and a few more that wait in its queue so that
/// it never runs dry. Looks at a window of answers at a time. Not safe for concurrent use.
/// </summary>
/// <remarks>
/// By Little's law, if a share q of the time of a call is waiting, q times the limit is this worker's part of the queue. Each window takes
/// that part off and adds the few calls that it is meant to be, so that workers with a larger part give way to those with a smaller one. Where
/// the endpoint does not report its queue, q is what answers take longer than without one. How long that is, nobody knows: so now and then the
/// limit is lowered to find out, by all workers at the same time of the clock, since one alone makes little difference. And whatever lowered the limit, if
/// that cost throughput there was no queue: answers are slow for another reason, and the limit is raised again.
/// A server that batches gets slower with every call and yet does more: so after that, the limit is raised for a window, and stays raised where
/// throughput gains. Several workers at an endpoint that does not report its queue lose no throughput by this, but do not keep the queue short together either:
/// there, <c>MaxInFlight</c> does.
/// </remarks>
public sealed class ConcurrencyLimit(int max, TimeProvider time)
{
    // The part of the queue that a worker keeps: the first makes workers equal, the second large endpoints busy.
    private const double Queue = 2;
    private const double QueueShare = 0.03;

    private const double SearchShare = 0.5;
    private const double ProbeShare = 0.7;
    private const double LoweredShare = 0.85;
    private const double ThroughputKept = 0.95;
    private const double GainShare = 0.25;
    private const double RefusedShare = 0.9;
    private const double BusyShare = 0.9;
    private const double Steady = 0.1;
    private const double Certainty = 3;

    // With times that vary by 30 %, the mean of so many is good to 2 %.
    private const int FewestMeasured = 200;
    private const int FewestReported = 8;
    private const int MostTurns = 4;

    // A probe costs up to a third of the throughput of its window.
    private const int WindowsBetweenProbes = 50;

    private static readonly TimeSpan ShortestWindow = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan SearchInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan RefusedPause = TimeSpan.FromSeconds(10);

    private double _limit = max;
    // What began before saw another limit.
    private long _windowAt = time.GetTimestamp();
    private int _answers;
    private int _mostInFlight;
    private double _seconds;
    private double _squares;
    private double _queued;
    private bool _reportsQueue;
    private long? _refusedAt;

    // Seconds of an answer without a queue, as far as known; and limit and seconds of the window with which a lower limit is compared.
    private double? _base;
    private (double Limit, double Seconds)? _before;
    private (double Limit, double Seconds)? _raisedFrom;
    // After a probe in vain: the seconds of an answer before it, which are to be seen again.
    private double? _secondsBeforeProbe;
    private bool _isDoubted;
    private double? _lastSeconds;
    private double _previousSeconds;
    private long _settledAt;
    private bool _isProbe;
    private int _windows;
    private long _probedAt = time.GetUtcNow().Ticks;

    /// <summary>Calls that may be in flight.</summary>
    public int Current => Math.Clamp((int)Math.Round(_limit), 1, max);

    /// <summary>Begins anew with what is to be observed: the endpoint has just started, or was idle.</summary>
    public void Restart()
    {
        (_before, _raisedFrom, _lastSeconds, _isProbe, _settledAt) = (null, null, null, false, 0);
        Begin();
    }

    /// <summary>The endpoint refused a call because there were too many.</summary>
    public void Refused(long startedAt)
    {
        // One step for all that were under way together.
        if (startedAt >= _windowAt)
        {
            _refusedAt = time.GetTimestamp();
            _limit = Math.Max(1, RefusedShare * _limit);
            Restart();
        }
    }

    /// <summary>A call was answered.</summary>
    /// <param name="startedAt">When it began, as a timestamp of the clock.</param>
    /// <param name="queued">How long it waited in the endpoint's queue; null where that is not known.</param>
    /// <param name="inFlight">Calls in flight while it was.</param>
    public void Answered(long startedAt, TimeSpan? queued, int inFlight)
    {
        if (_lastSeconds is { } last && inFlight >= BusyShare * Current && IsProbeDue(last))
        {
            Probe(last);
            Begin();
            return;
        }

        if (startedAt <= _windowAt)
        {
            return;
        }

        var now = time.GetTimestamp();
        _answers++;
        var seconds = time.GetElapsedTime(startedAt, now).TotalSeconds;
        _seconds += seconds;
        _squares += seconds * seconds;
        _queued += queued?.TotalSeconds ?? 0;
        _reportsQueue |= queued is not null;
        _mostInFlight = Math.Max(_mostInFlight, inFlight);

        // The quick answers of a window come first: measured times need a second turn, so that they do not count for much more. More than a few
        // turns would leave a limit that is too low where it is for long.
        var enough = _reportsQueue ? Math.Max(FewestReported, Current) : Math.Max((_base is null ? 1 : 2) * Current, Math.Min(FewestMeasured, MostTurns * Current));
        var isBrief = _answers < enough;
        if ((!isBrief || IsClearlyInVain()) && time.GetElapsedTime(_windowAt, now) >= ShortestWindow)
        {
            Judge(_seconds / _answers, isBrief);
            Begin();
        }
    }

    /// <summary>Whether two turns are enough to see that the lowered limit costs throughput: each further one would cost more of it.</summary>
    private bool IsClearlyInVain()
        => !_reportsQueue && _answers >= 2 * Current && _before is { } before && _limit <= LoweredShare * before.Limit
            && _limit / Math.Max(double.Epsilon, (_seconds / _answers) - (Certainty * Error())) < ThroughputKept * before.Limit / before.Seconds;

    /// <summary>The standard error of the window's mean, in seconds.</summary>
    private double Error()
    {
        var mean = _seconds / _answers;
        return Math.Sqrt(Math.Max(0, (_squares / _answers) - (mean * mean)) / _answers);
    }

    private void Judge(double seconds, bool isBrief)
    {
        var isBusy = _mostInFlight >= BusyShare * Current;
        if (_reportsQueue)
        {
            Step(_queued / _seconds, isBusy);
            return;
        }

        if (WasRaised(seconds) || WasLoweredInVain(seconds, Error(), isBrief))
        {
            return;
        }

        if (_secondsBeforeProbe is { } expected && isBusy)
        {
            _secondsBeforeProbe = null;
            if (seconds - (Certainty * Error()) <= (1 + Steady) * expected)
            {
                Raise(seconds);
                return;
            }

            // The endpoint got slower while it was probed: what the probe seemed to say was that, and the search begins anew.
            _base = null;
        }

        // A queue that is just forming, or going, is nothing to compare with.
        _windows++;
        _lastSeconds = Math.Abs(seconds - _previousSeconds) <= Steady * seconds ? seconds : null;
        _previousSeconds = seconds;
        _before = _before is { } before && _limit < before.Limit ? before : (_limit, seconds);
        if (_isProbe)
        {
            // There was more of a queue than known, so there may be still: the next probe follows soon.
            return;
        }

        var limit = _limit;
        Step(_base is { } known ? Math.Max(0, 1 - (known / seconds)) : 0, isBusy);
        if (_limit <= LoweredShare * limit)
        {
            _before = (limit, seconds);
            Settle(seconds);
        }
    }

    /// <summary>Compares this window with the one before the limit was raised, and takes the raise back where it gained too little.</summary>
    private bool WasRaised(double seconds)
    {
        if (_raisedFrom is not { } before)
        {
            return false;
        }

        _raisedFrom = null;
        if (_limit / seconds * before.Seconds / before.Limit > 1 + (GainShare * ((_limit / before.Limit) - 1)))
        {
            (_base, _before) = (seconds, (_limit, seconds));
            Raise(seconds);
        }
        else
        {
            _limit = before.Limit;
        }

        return true;
    }

    /// <summary>Compares this window with the one before the limit was lowered; puts the limit back where that cost throughput.</summary>
    private bool WasLoweredInVain(double seconds, double error, bool isBrief)
    {
        if (_base > seconds + (Certainty * error))
        {
            _base = seconds;
        }

        if (_before is not { } before || _limit > LoweredShare * before.Limit)
        {
            return false;
        }

        _before = null;
        if (_limit / seconds < ThroughputKept * before.Limit / before.Seconds)
        {
            // Perhaps something else changed meanwhile: a probe has to tell, or after one the next window.
            // Of two times that agree, that of the longer window is the more certain.
            var known = _base ?? before.Seconds;
            _base = isBrief && Math.Abs(seconds - known) <= Certainty * error ? known : seconds;
            (_limit, _secondsBeforeProbe, _isDoubted, _isProbe) = (before.Limit, _isProbe ? before.Seconds : null, !_isProbe, false);
            return true;
        }

        return false;
    }

    private bool IsProbeDue(double seconds)
    {
        // Wide enough that all workers have seen what the last one did, before the next.
        var isSearch = _base is null || _isProbe || _isDoubted;
        var interval = isSearch ? SearchInterval * Math.Pow(2, Math.Max(0, Math.Ceiling(Math.Log2(4 * seconds / SearchInterval.TotalSeconds)))) : ProbeInterval;
        var now = time.GetUtcNow().Ticks;
        if (now / interval.Ticks == _probedAt / interval.Ticks || (!isSearch && _windows < WindowsBetweenProbes))
        {
            return false;
        }

        _probedAt = now;
        return true;
    }

    private void Probe(double seconds)
    {
        _before = (_limit, seconds);
        _limit = Math.Max(1, (_base is null ? SearchShare : ProbeShare) * _limit);
        (_isProbe, _isDoubted) = (true, false);
        Settle(seconds);
    }

    private void Raise(double seconds)
    {
        if (Current < max)
        {
            _raisedFrom = (_limit, seconds);
            _limit = Math.Min(max, _limit / ProbeShare);
            Settle(seconds);
        }
    }

    /// <summary>Waits until no answers are to calls that were in a queue of before.</summary>
    private void Settle(double seconds)
    {
        _settledAt = time.GetTimestamp() + (long)(seconds * time.TimestampFrequency);
        (_windows, _lastSeconds) = (0, null);
    }

    private void Step(double share, bool isBusy)
    {
        var step = Queue + (QueueShare * _limit) - (share * _limit);
        if (step < 0 || (isBusy && !(_refusedAt is { } at && time.GetElapsedTime(at) < RefusedPause)))
        {
            _limit = Math.Clamp(_limit + Math.Max(step, -0.5 * _limit), 1, max);
        }
    }

    private void Begin()
    {
        _windowAt = Math.Max(_settledAt, time.GetTimestamp());
        (_answers, _mostInFlight, _seconds, _squares, _queued) = (0, 0, 0, 0, 0);
    }
}
