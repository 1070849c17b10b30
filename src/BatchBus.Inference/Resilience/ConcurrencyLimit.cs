namespace BatchBus.Inference.Resilience;

/// <summary>
/// How many calls an endpoint is given at once, between 1 and a maximum: as many as it executes without keeping them in a queue. The queue
/// shows in what the endpoint reports, or in answers that take longer than they did when it was given fewer. Looks at a window of answers at a
/// time, each about as many as are in flight. Not safe for concurrent use.
/// </summary>
/// <remarks>
/// Little's law gives the step: if a share q of the time of a call is waiting, a limit smaller by that share keeps the endpoint just as
/// busy. Since nobody knows how long an answer takes without a queue, the limit is lowered now and then to find out; and when lowering it
/// did not make answers quicker, something else has made them slow, and it is raised again.
/// </remarks>
public sealed class ConcurrencyLimit(int max, TimeProvider time)
{
    private const double Growth = 1.05;
    private const double QueueTooShort = 0.08;
    private const double QueueTooLong = 0.15;
    private const double NoQuicker = 0.95;
    private const double MuchQuicker = 0.87;
    private const double ProbeShare = 0.75;
    private const double Certainty = 3;
    private const int FewestAnswers = 16;

    private static readonly TimeSpan ShortestWindow = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan FirstProbe = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(60);

    private double _limit = max;
    private long _windowAt = time.GetTimestamp();
    private int _answers;
    private int _mostInFlight;
    private double _seconds;
    private double _squares;
    private double _queued;
    private bool _reportsQueue;
    private double? _base;
    private (double Limit, double Seconds, bool IsProbe)? _lowered;
    private long _probedAt = time.GetTimestamp();
    private TimeSpan _probeAfter = FirstProbe;

    /// <summary>Calls that may be in flight.</summary>
    public int Current => Math.Clamp((int)Math.Round(_limit), 1, max);

    /// <summary>Begins anew with what is to be observed: the endpoint has just started, or was idle.</summary>
    public void Restart() => Begin(time.GetTimestamp());

    /// <summary>The endpoint refused a call because there were too many.</summary>
    public void Refused(long startedAt)
    {
        // One step for all that were under way together.
        if (startedAt >= _windowAt)
        {
            Lower(0.7 * _limit, null, isProbe: false);
        }
    }

    /// <summary>A call was answered.</summary>
    /// <param name="startedAt">When it began, as a timestamp of the clock.</param>
    /// <param name="queued">How long it waited in the endpoint's queue; null where that is not known.</param>
    /// <param name="inFlight">Calls in flight while it was.</param>
    public void Answered(long startedAt, TimeSpan? queued, int inFlight)
    {
        // What began before the window saw another limit.
        if (startedAt < _windowAt)
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
        if (_answers >= Math.Max(Math.Min(FewestAnswers, 2 * Current), Current) && time.GetElapsedTime(_windowAt, now) >= ShortestWindow)
        {
            Judge(_seconds / _answers, now);
        }
    }

    private void Judge(double seconds, long now)
    {
        var isBusy = _mostInFlight >= 0.9 * Current;
        var (share, isCertain) = (_queued / _seconds, true);
        if (!_reportsQueue)
        {
            if (_lowered is { } before)
            {
                _lowered = null;
                if (seconds > NoQuicker * before.Seconds)
                {
                    (_base, _limit) = (seconds, before.Limit);
                    Begin(now);
                    return;
                }

                if (before.IsProbe && seconds < MuchQuicker * before.Seconds)
                {
                    Lower(ProbeShare * _limit, seconds, isProbe: true);
                    return;
                }
            }

            // Chance makes some windows quick: one of them alone is not believed.
            _base = _base is not { } known ? seconds : known <= seconds ? known : known + (0.3 * (seconds - known));
            share = 1 - (_base.Value / seconds);
            isCertain = seconds - _base > Certainty * Math.Sqrt(Math.Max(0, (_squares / _answers) - (seconds * seconds)) / _answers);
            if (isBusy && time.GetElapsedTime(_probedAt, now) >= _probeAfter)
            {
                (_probedAt, _probeAfter) = (now, ProbeInterval);
                Lower(ProbeShare * _limit, seconds, isProbe: true);
                return;
            }
        }

        if (share > QueueTooLong && isCertain)
        {
            Lower(Math.Max(0.5, (1 - share) * Growth) * _limit, _reportsQueue ? null : seconds, isProbe: false);
            return;
        }

        if (share < QueueTooShort && isBusy)
        {
            _limit = Math.Min(max, Math.Max(_limit + 1, _limit * Growth));
        }

        Begin(now);
    }

    private void Lower(double limit, double? seconds, bool isProbe)
    {
        _lowered = seconds is { } before ? (_limit, before, isProbe) : null;
        _limit = Math.Max(1, limit);

        // Calls that are under way now saw the longer queue.
        Begin(time.GetTimestamp());
    }

    private void Begin(long now) => (_windowAt, _answers, _mostInFlight, _seconds, _squares, _queued) = (now, 0, 0, 0, 0, 0);
}
