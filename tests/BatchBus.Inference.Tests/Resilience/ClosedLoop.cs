using BatchBus.Inference.Resilience;

namespace BatchBus.Inference.Tests.Resilience;

/// <summary>
/// Callers that always have work, each behind its own limit, and one server with slots and a queue in order of arrival. Events instead of
/// time: minutes pass in milliseconds, the same ones for the same seed.
/// </summary>
internal sealed class ClosedLoop
{
    private static readonly TimeSpan RefusalTime = TimeSpan.FromMilliseconds(20);

    private readonly EventTime _time = new();
    private readonly Random _random;
    private readonly Caller[] _callers;
    private readonly PriorityQueue<Action, TimeSpan> _events = new();
    private readonly Queue<Call> _queue = new();
    private TimeSpan _now;
    private int _running;

    public ClosedLoop(int prefetch, int callers = 1, int seed = 1)
    {
        _random = new Random(seed);
        _callers = [.. Enumerable.Range(0, callers).Select(_ => new Caller(new ConcurrencyLimit(prefetch, _time)))];
    }

    /// <summary>Calls that the server executes at once.</summary>
    public int Slots { get; set; } = 64;

    /// <summary>Calls that it takes on beyond those; others are refused.</summary>
    public int QueueLength { get; set; } = int.MaxValue;

    /// <summary>Median time of an execution.</summary>
    public TimeSpan Service { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Standard deviation of the logarithm of that time.</summary>
    public double Sigma { get; set; }

    /// <summary>How much longer a call takes that begins as one of so many; for a server that batches.</summary>
    public Func<int, double> Slowdown { get; set; } = _ => 1;

    public bool ReportsQueue { get; set; }

    public int Limit => _callers.Sum(caller => caller.Limit.Current);

    private TimeSpan MeanService => Service * Math.Exp(Sigma * Sigma / 2);

    /// <summary>Lets time pass.</summary>
    public Period Run(TimeSpan time)
    {
        var period = new Period(_now, time, Slots / MeanService.TotalSeconds, new int[_callers.Length]);
        foreach (var caller in _callers)
        {
            caller.Answers = 0;
            Fill(caller);
        }

        while (_events.TryPeek(out var action, out var at) && at <= period.End)
        {
            period.Limits.Add((_now, at, Limit));
            _events.Dequeue();
            MoveTo(at);
            action();
        }

        period.Limits.Add((_now, period.End, Limit));
        MoveTo(period.End);
        for (var i = 0; i < _callers.Length; i++)
        {
            period.Answers[i] = _callers[i].Answers;
        }

        return period;
    }

    private void MoveTo(TimeSpan time)
    {
        _now = time;
        _time.Now = time;
    }

    private void Fill(Caller caller)
    {
        while (caller.InFlight < caller.Limit.Current)
        {
            caller.InFlight++;
            var call = new Call(caller, _now);
            if (_running >= Slots && _queue.Count >= QueueLength)
            {
                _events.Enqueue(() => End(call, () => caller.Limit.Refused(call.Start.Ticks)), _now + RefusalTime);
                continue;
            }

            _queue.Enqueue(call);
            Serve();
        }
    }

    private void Serve()
    {
        while (_running < Slots && _queue.TryDequeue(out var call))
        {
            _running++;
            TimeSpan? queued = ReportsQueue ? _now - call.Start : null;
            _events.Enqueue(
                () =>
                {
                    _running--;
                    Serve();
                    call.Caller.Answers++;
                    End(call, () => call.Caller.Limit.Answered(call.Start.Ticks, queued, call.Caller.InFlight));
                },
                _now + (Service * Slowdown(_running) * Math.Exp(Sigma * Normal())));
        }
    }

    private void End(Call call, Action tell)
    {
        tell();
        call.Caller.InFlight--;
        Fill(call.Caller);
    }

    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());

    private readonly record struct Call(Caller Caller, TimeSpan Start);

    private sealed class Caller(ConcurrencyLimit limit)
    {
        public ConcurrencyLimit Limit => limit;

        public int InFlight { get; set; }

        public int Answers { get; set; }
    }

    private sealed class EventTime : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + Now;
    }
}

/// <summary>What happened in a while.</summary>
/// <param name="Start">Its beginning.</param>
/// <param name="Time">How long it was.</param>
/// <param name="Ideal">Answers per second with all slots full.</param>
/// <param name="Answers">Answers by caller.</param>
internal sealed record Period(TimeSpan Start, TimeSpan Time, double Ideal, int[] Answers)
{
    public TimeSpan End => Start + Time;

    /// <summary>The sum of all limits, from when to when.</summary>
    public List<(TimeSpan From, TimeSpan To, int Limit)> Limits { get; } = [];

    /// <summary>Answers, as a share of what full slots would have given.</summary>
    public double Rate => Answers.Sum() / Time.TotalSeconds / Ideal;

    /// <summary>The share of the time in which the limit was within that much of a number.</summary>
    public double ShareWithin(double tolerance, int of) => ShareBetween((1 - tolerance) * of, (1 + tolerance) * of);

    public double ShareBetween(double low, double high)
        => Limits.Where(step => step.Limit >= low && step.Limit <= high).Sum(step => (step.To - step.From).TotalSeconds) / Time.TotalSeconds;
}
