using BatchBus.Inference;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Resilience;
using BatchBus.Storage.Endpoints;

namespace BatchBus.Worker.Endpoints;

/// <summary>
/// How many calls this worker may have in flight at one endpoint: what its circuit, its concurrency limit and its share of the endpoint
/// allow. Not safe for concurrent use; <see cref="ModelEndpoints"/> keeps the lock.
/// </summary>
internal sealed class EndpointGate(ModelEndpoint endpoint, IModelClient client, int prefetch, TimeProvider time)
{
    private readonly Circuit _circuit = new(time);
    private readonly ConcurrencyLimit _limit = new(prefetch, time);
    private readonly GpuMeter _gpu = new(time);
    private int _share = endpoint.MaxInFlight is null ? int.MaxValue : 0;
    private bool _trialReady;
    private bool _isCold;
    private DateTimeOffset _closedAt;

    public ModelEndpoint Endpoint => endpoint;

    public IModelClient Client => client;

    public int InFlight { get; private set; }

    /// <summary>Calls that may be in flight before the next answer about shares: those that are, and those that the last one allows to begin.</summary>
    public int Claimed => endpoint.MaxInFlight is null ? InFlight : Math.Max(InFlight, _share);

    /// <summary>Answers so far; a failure counts against a request only where others succeed.</summary>
    public long Successes { get; private set; }

    /// <summary>Whether the endpoint has full trust, so that none after it is needed.</summary>
    public bool IsTrusted => _circuit.IsClosed;

    public bool IsOutOfUse => _circuit.IsOpen;

    public bool IsStopped => _circuit.IsStopped;

    /// <summary>Why the endpoint is out of use; null where it is not.</summary>
    public string? Reason { get; private set; }

    /// <summary>Whether a trial is to be prepared. One that is under way does not stand in its way: it may hang for as long as the endpoint does.</summary>
    public bool WantsTrial => _circuit.IsOpen && !_trialReady;

    /// <summary>Whether the other workers were told of the last change that this one made out.</summary>
    public bool IsPublished { get; set; } = true;

    /// <summary>Calls that may be in flight now; out of use, those that are, and a trial.</summary>
    public int Limit => _circuit.IsOpen ? InFlight + (_trialReady ? 1 : 0) : Math.Min(Math.Min(_limit.Current, _circuit.Limit), _share);

    public EndpointCall? TryBegin()
    {
        if (InFlight >= Limit)
        {
            return null;
        }

        _trialReady = false;
        _gpu.Advance(InFlight);
        InFlight++;
        return new EndpointCall(this, _circuit.Epoch, time.GetTimestamp(), _circuit.IsOpen, _gpu.PerRequest, Successes);
    }

    /// <summary>A call is over. Returns the GPU time that it was given.</summary>
    /// <param name="call">The call.</param>
    /// <param name="outcome">What came of it; null where the wait for it was given up.</param>
    public TimeSpan Complete(in EndpointCall call, InferenceOutcome? outcome)
    {
        _gpu.Advance(InFlight);
        switch (outcome)
        {
            case InferenceOutcome.Succeeded succeeded:
                Successes++;
                Trust(call);
                if (!_isCold)
                {
                    _limit.Answered(call.StartedAt, succeeded.Usage.Queued, InFlight);
                }

                break;
            case InferenceOutcome.Refused:
                Trust(call);
                break;
            case InferenceOutcome.Failed { Error: InferenceError.RateLimited }:
                Trust(call);
                _limit.Refused(call.StartedAt);
                break;
            case InferenceOutcome.Failed failed when InferenceErrors.PolicyOf(failed.Error) is { BlamesEndpoint: true } policy && !(call.IsSuspect && policy.UsesAttempt):
                Distrust(call, failed, policy);
                break;
        }

        InFlight--;
        return _gpu.PerRequest - call.GpuTime;
    }

    /// <summary>Lets the next request try the endpoint.</summary>
    public void PrepareTrial() => _trialReady = _circuit.IsOpen;

    /// <summary>Takes over what all workers know of the endpoint.</summary>
    public void Observe(EndpointShare share, DateTimeOffset now)
    {
        _share = endpoint.MaxInFlight is null ? int.MaxValue : share.Granted;
        _gpu.Advance(InFlight);
        _gpu.Others = share.HeldByOthers;
        if (share.OutOfUse is { } outage && !_circuit.IsOpen && outage.Since > _closedAt)
        {
            _circuit.Open(outage.IsStopped);
            Reason = outage.Reason;
        }
        else if (share.OutOfUse is null && _circuit.IsOpen && IsPublished)
        {
            Recover(now);
        }
    }

    /// <summary>Takes over what the endpoint says of itself.</summary>
    public void Observe(EndpointStatus status)
    {
        // While nothing runs, waiting says nothing about how much the endpoint can do.
        var isCold = status.Ready == 0;
        if (_isCold && !isCold)
        {
            _limit.Restart();
        }

        _isCold = isCold;
        _gpu.Advance(InFlight);
        _gpu.Running = status.Running;
    }

    /// <summary>What was measured since the last time: GPU time that was billed, and that had something to do.</summary>
    public (TimeSpan Billed, TimeSpan Busy) GpuTime()
    {
        _gpu.Advance(InFlight);
        return (_gpu.Billed, _gpu.Busy);
    }

    /// <summary>The endpoint works again, as a trial of this worker or of another has shown.</summary>
    public void Recover(DateTimeOffset now)
    {
        _circuit.Recover();
        (Reason, _closedAt, _trialReady) = (null, now, false);
        _limit.Restart();
    }

    private void Trust(in EndpointCall call)
    {
        if (call.IsTrial && _circuit.IsOpen)
        {
            Recover(time.GetUtcNow());
            IsPublished = false;
            return;
        }

        _circuit.Succeeded(call.Epoch, _limit.Current);
    }

    private void Distrust(in EndpointCall call, InferenceOutcome.Failed failed, in ErrorPolicy policy)
    {
        bool opens;
        if (policy.Reaction is ErrorReaction.StopEndpoint && !_circuit.IsStopped)
        {
            _circuit.Open(isStopped: true);
            opens = true;
        }
        else
        {
            opens = _circuit.Failed(call.Epoch);
        }

        if (opens)
        {
            Reason = $"{failed.Error}: {failed.Message}";
            IsPublished = false;
        }
    }
}
