using BatchBus.Simulator.Chat;
using BatchBus.Simulator.Jobs;
using BatchBus.Simulator.Scripting;
using BatchBus.Simulator.Workers;

namespace BatchBus.Simulator;

/// <summary>
/// How one endpoint behaves: the <c>{endpoint}</c> of <c>/v2/{endpoint}</c>, or <c>v1</c> for the routes under <c>/v1</c>. All members may be used
/// while calls arrive, and hold for calls from then on. Until something is set, the endpoint is healthy and as fast as the server.
/// </summary>
public sealed class SimulatedEndpoint
{
    internal const string OpenAi = "v1";

    private static readonly TimeSpan DefaultRetention = TimeSpan.FromMinutes(30);

    // A dead engine refuses the connection of its worker at once.
    private static readonly TimeSpan DeadTime = TimeSpan.FromMilliseconds(2);

    private readonly ModelEngine _engine;
    private readonly WorkerPool _workers;
    private readonly FaultRules _faults = new();
    private readonly RateGate[] _gates = [new(), new(), new()];
    private readonly int[] _calls = new int[3];
    private object? _latency;
    private double _answerLength;
    private SimulatedTokenRate? _tokenRate;
    private SimulatedOutage? _outage;
    private SimulatedRateLimits? _rateLimits;
    private long _retention = DefaultRetention.Ticks;
    private int _chats;
    private int _rateLimited;
    private int _refused;
    private int _spoiled;

    internal SimulatedEndpoint(string id, ModelEngine engine)
    {
        Id = id;
        _engine = engine;
        Clock = new EndpointClock(engine.TimeProvider);
        _workers = new WorkerPool(Clock);
        Jobs = new JobEndpoint(engine, this);
    }

    /// <summary>The endpoint's id.</summary>
    public string Id { get; }

    /// <summary>How long a call takes once it runs.</summary>
    /// <value>Default: null, as the server's <see cref="SimulatorServer.Latency"/> says.</value>
    public SimulatedLatency? Latency
    {
        get => (SimulatedLatency?)Volatile.Read(ref _latency);
        set => Volatile.Write(ref _latency, value);
    }

    /// <summary>Makes the duration of a call depend on its output and on what else its worker runs; goes before <see cref="Latency"/>.</summary>
    /// <value>Default: null.</value>
    public SimulatedTokenRate? TokenRate
    {
        get => Volatile.Read(ref _tokenRate);
        set => Volatile.Write(ref _tokenRate, value);
    }

    /// <summary>
    /// How long answers are, as a share of what their requests allow: so many tokens are counted, and take their time, whatever the text. Forced
    /// tool calls and answers that a stop string ends keep their own length.
    /// </summary>
    /// <value>Default: null, as long as their text. Above 0, at most 1.</value>
    public double? AnswerLength
    {
        get => Volatile.Read(ref _answerLength) is var share && share > 0 ? share : null;
        set
        {
            if (value is not (null or (> 0 and <= 1)))
            {
                throw new ArgumentOutOfRangeException(nameof(value), value, "An answer's length is a share above 0, at most 1, of what its request allows.");
            }

            Volatile.Write(ref _answerLength, value ?? 0);
        }
    }

    /// <summary>
    /// How many seconds pass on the endpoint in one second of the server: for durations, cold starts, idle times, retention, windows of rate limits
    /// and the policies of jobs. Jobs report their times as passed here; the log keeps the server's.
    /// </summary>
    /// <value>Default: 1. Above 0, at most a million.</value>
    public double TimeScale
    {
        get => Clock.Scale;
        set
        {
            Clock.Scale = value;
            _workers.Settle();
        }
    }

    /// <summary>How many calls run at once, over all workers; further ones wait in order of arrival.</summary>
    /// <value>Default: null, no limit.</value>
    public int? MaxConcurrency
    {
        get => _workers.MaxConcurrency;
        set => _workers.MaxConcurrency = value;
    }

    /// <summary>Gives the endpoint workers that scale; when set for the first time, they start anew.</summary>
    /// <value>Default: null, one worker that is always ready and runs any number of calls.</value>
    public SimulatedWorkers? Workers
    {
        get => _workers.Settings;
        set => _workers.Settings = value;
    }

    /// <summary>
    /// How many of the workers, the oldest first, have a dead engine: they go on taking calls, even before the living, who are busier, and fail
    /// each within milliseconds; what they run already fails when its time is over. <c>/health</c> does not tell them from living ones.
    /// </summary>
    /// <value>Default: 0.</value>
    public int DeadWorkers
    {
        get => _workers.Dead;
        set => _workers.Dead = value;
    }

    /// <summary>What every call meets from now on, <c>/health</c> included.</summary>
    /// <value>Default: null, no outage.</value>
    public SimulatedOutage? Outage
    {
        get => Volatile.Read(ref _outage);
        set => Volatile.Write(ref _outage, value);
    }

    /// <summary>Above these, calls are answered 429.</summary>
    /// <value>Default: null, no limits.</value>
    public SimulatedRateLimits? RateLimits
    {
        get => Volatile.Read(ref _rateLimits);
        set => Volatile.Write(ref _rateLimits, value);
    }

    /// <summary>How long after its end a job is known; for jobs that end from now on.</summary>
    /// <value>Default: 30 minutes.</value>
    public TimeSpan Retention
    {
        get => new(Volatile.Read(ref _retention));
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero);
            Volatile.Write(ref _retention, value.Ticks);
        }
    }

    internal EndpointClock Clock { get; }

    internal JobEndpoint Jobs { get; }

    internal string[] Markers => _faults.Markers;

    /// <summary>Adds a fault behind those that are there.</summary>
    /// <exception cref="ArgumentException">The fault is not possible.</exception>
    public void Inject(SimulatedFault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        fault.Validate();
        _faults.Add(fault);
    }

    /// <summary>Takes back all faults; calls that have met one already keep it.</summary>
    public void ClearFaults() => _faults.Replace([]);

    /// <summary>Makes the endpoint what it was at the start; jobs and counts stay.</summary>
    public void Reset()
    {
        ClearFaults();
        Outage = null;
        RateLimits = null;
        DeadWorkers = 0;
        Workers = null;
        MaxConcurrency = null;
        TokenRate = null;
        AnswerLength = null;
        Latency = null;
        TimeScale = 1;
        Retention = DefaultRetention;
    }

    /// <summary>What reached the endpoint, and how it stands.</summary>
    public SimulatedEndpointCounts Count()
    {
        var workers = _workers.Count();
        return new SimulatedEndpointCounts(
            Volatile.Read(ref _calls[(int)SimulatedOperation.Run]),
            Volatile.Read(ref _calls[(int)SimulatedOperation.Status]),
            Volatile.Read(ref _calls[(int)SimulatedOperation.Cancel]),
            Volatile.Read(ref _chats),
            Volatile.Read(ref _rateLimited),
            Volatile.Read(ref _refused),
            Volatile.Read(ref _spoiled),
            workers.CallsInQueue,
            workers.CallsRunning);
    }

    internal void ReplaceFaults(IEnumerable<SimulatedFault> faults) => _faults.Replace(faults);

    internal WorkerCounts CountWorkers() => _workers.Count();

    internal bool IsDead() => _workers.IsDead();

    internal void CountCall(SimulatedOperation operation) => Interlocked.Increment(ref _calls[(int)operation]);

    internal void CountChat() => Interlocked.Increment(ref _chats);

    internal void CountRefused() => Interlocked.Increment(ref _refused);

    internal void CountSpoiled() => Interlocked.Increment(ref _spoiled);

    internal SimulatedFault? ChooseFault(SimulatedOperation operation, string[] markers)
    {
        var fault = _faults.Choose(operation, markers);
        if (fault is not null)
        {
            CountSpoiled();
        }

        return fault;
    }

    /// <summary>Lets a call in, which then leaves through the gate; null for one that is over the limit.</summary>
    internal RateGate? EnterGate(SimulatedOperation operation, SimulatedRateLimit limit)
    {
        var gate = _gates[(int)operation];
        if (gate.TryEnter(limit, Clock.Now))
        {
            return gate;
        }

        Interlocked.Increment(ref _rateLimited);
        return null;
    }

    /// <summary>Waits for a place on a worker, which ends with <see cref="Exit"/>.</summary>
    internal async ValueTask<Worker> EnterAsync(CancellationToken cancellationToken)
    {
        var worker = await _workers.EnterAsync(cancellationToken);
        try
        {
            await _engine.EnterAsync(cancellationToken);
        }
        catch
        {
            _workers.Exit(worker);
            throw;
        }

        return worker;
    }

    internal void Exit(Worker worker)
    {
        _engine.Exit();
        _workers.Exit(worker);
    }

    /// <summary>Takes as long as the answer to a request takes.</summary>
    /// <param name="limit">The time after which it is given up; null for none.</param>
    internal async ValueTask<ExecutionEnd> ExecuteAsync(ChatRequest request, SimulatedFault? fault, Worker worker, TimeSpan? limit, CancellationToken cancellationToken)
    {
        if (worker.IsDead)
        {
            await Clock.DelayAsync(DeadTime, cancellationToken);
            CountSpoiled();
            return ExecutionEnd.DeadEngine;
        }

        if (fault?.Kind == SimulatedFaultKind.Hang)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        request.AnswerLength = AnswerLength;
        var isInTime = TokenRate is { } rate
            ? await GenerateAsync(request, rate, worker, limit, cancellationToken)
            : await DelayAsync(Latency is { } own ? _engine.Sample(own, request.Key) : _engine.LatencyOf(request.Key), limit, cancellationToken);
        if (worker.IsDead)
        {
            CountSpoiled();
            return ExecutionEnd.DeadEngine;
        }

        return isInTime ? ExecutionEnd.Generated : ExecutionEnd.OutOfTime;
    }

    private async ValueTask<bool> GenerateAsync(
        ChatRequest request, SimulatedTokenRate rate, Worker worker, TimeSpan? limit, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var generation = worker.Decoder.DecodeAsync(rate, ChatAnswer.To(request).Tokens, stop.Token);
        if (limit is not { } time)
        {
            await generation;
            return true;
        }

        var isInTime = await Task.WhenAny(generation, Clock.DelayAsync(time, stop.Token)) == generation;
        await stop.CancelAsync();
        await generation.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        return isInTime;
    }

    private async ValueTask<bool> DelayAsync(TimeSpan time, TimeSpan? limit, CancellationToken cancellationToken)
    {
        var isInTime = !(limit <= time);
        await Clock.DelayAsync(isInTime ? time : limit!.Value, cancellationToken);
        return isInTime;
    }
}
