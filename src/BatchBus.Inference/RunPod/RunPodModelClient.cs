using System.Text.Json;
using BatchBus.Inference.Calls;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Errors;
using BatchBus.Inference.Mapping;

namespace BatchBus.Inference.RunPod;

/// <summary>
/// Submits a job and looks until it is over. Where a look fails, or the wait is given up, the job goes on: its id, which the caller keeps,
/// leads back to it, so that it is not paid for twice.
/// </summary>
internal sealed class RunPodModelClient(IRunPodApi api, ModelEndpoint endpoint, CatalogModel model, TimeProvider timeProvider) : IModelClient
{
    private const int LargestJob = 10 * 1000 * 1000;

    private static readonly TimeSpan RunTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StatusTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ShortTimeout = TimeSpan.FromSeconds(5);

    // A job may be unknown for a moment after it was accepted.
    private static readonly TimeSpan UnknownAtFirst = TimeSpan.FromSeconds(30);

    // RunPod's bounds of both policy times, and its base rates.
    private static readonly TimeSpan ShortestExecutionTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ShortestTimeToLive = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestPolicyTime = TimeSpan.FromDays(7);
    private static readonly TimeSpan RatePeriod = TimeSpan.FromSeconds(10);

    // Whoever looks learns of the platform's own timeout a little later.
    private static readonly TimeSpan TimeoutGrace = TimeSpan.FromSeconds(2);

    private readonly PollPace _pace = new(model.PollInterval, model.MaxPollInterval);
    private readonly RatePace _runs = new(1000, RatePeriod, timeProvider);
    private readonly RatePace _looks = new(2000, RatePeriod, timeProvider);
    private readonly RatePace _cancels = new(100, RatePeriod, timeProvider);

    public async Task<InferenceOutcome> CompleteAsync(ModelCall call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!MessagesParamsReader.TryRead(call.Parameters, model, out var request, out var refusal))
        {
            return refusal;
        }

        var started = timeProvider.GetTimestamp();
        if (call.Job is { } earlier)
        {
            return await AwaitAsync(earlier, call, request, started, isEarlier: true, cancellationToken);
        }

        var executionTimeout = Clamp(model.RequestTimeout, ShortestExecutionTimeout, LongestPolicyTime);
        var timeToLive = Clamp(call.TimeLeft, ShortestTimeToLive, LongestPolicyTime);
        var job = ChatRequestWriter.WriteJob(request, model, endpoint.ServedModel, executionTimeout, timeToLive);
        if (job.Length > LargestJob)
        {
            return new InferenceOutcome.Refused("request_too_large", $"Request exceeds the {LargestJob} bytes that the model's endpoint accepts");
        }

        await _runs.WaitAsync(cancellationToken);
        var (id, failure) = await SubmitAsync(job, call.MayBegin, cancellationToken);
        if (id is null)
        {
            return failure!;
        }

        if (call.Submitted is { } submitted)
        {
            await submitted(id);
        }

        return await AwaitAsync(id, call, request, started, isEarlier: false, cancellationToken);
    }

    public async Task CancelAsync(string job, CancellationToken cancellationToken)
    {
        await _cancels.WaitAsync(cancellationToken);
        await HttpExchange.SendAsync(token => api.CancelAsync(job, token), ShortTimeout, timeProvider, cancellationToken);
    }

    public async Task<EndpointStatus?> CheckAsync(CancellationToken cancellationToken)
    {
        var (reply, _) = await HttpExchange.SendAsync(api.GetHealthAsync, ShortTimeout, timeProvider, cancellationToken);
        return reply is { IsSuccess: true } ? HealthReply.Read(reply.Body) : null;
    }

    public void ShareWith(int workers)
    {
        _runs.ShareWith(workers);
        _looks.ShareWith(workers);
        _cancels.ShareWith(workers);
    }

    private async Task<(string? Id, InferenceOutcome? Failure)> SubmitAsync(ReadOnlyMemory<byte> job, Func<bool>? mayBegin, CancellationToken cancellationToken)
    {
        // Once it is sent a job may exist, so nothing but an answer or its time ends this: an id that is not read is a job that is lost.
        cancellationToken.ThrowIfCancellationRequested();
        var timeout = model.RequestTimeout < RunTimeout ? model.RequestTimeout : RunTimeout;
        using var content = new CallBody(job, mayBegin);
        var (reply, failure) = await HttpExchange.SendAsync(api.RunAsync, content, timeout, timeProvider, CancellationToken.None);
        if (reply is null)
        {
            return (null, failure);
        }

        if (!reply.IsSuccess)
        {
            return (null, EndpointFailure.FromReply(reply.Status, reply.Body, reply.RetryAfter));
        }

        return JobReply.IdOf(reply.Body) is { } id
            ? (id, null)
            : (null, EndpointFailure.UnusableReply("the reply to the submitted job holds no job id"));
    }

    /// <summary>Looks at the job until it is over. Its time counts from when it is first seen being executed: the queue is not its doing.</summary>
    private async Task<InferenceOutcome> AwaitAsync(string job, ModelCall call, ChatRequest request, long started, bool isEarlier, CancellationToken cancellationToken)
    {
        long? executingSince = null;
        var pause = isEarlier ? TimeSpan.Zero : _pace.First();
        for (var looks = 1; ; looks++)
        {
            await Task.Delay(pause, timeProvider, cancellationToken);
            await _looks.WaitAsync(cancellationToken);
            var (reply, failure) = await HttpExchange.SendAsync(token => api.GetStatusAsync(job, token), StatusTimeout, timeProvider, cancellationToken);
            var elapsed = timeProvider.GetElapsedTime(started);
            if (reply is null)
            {
                return LookFailed(failure!.Message);
            }

            switch (reply.Status)
            {
                case 200 when JobReply.TryRead(reply.Body, model, request, elapsed, _pace.Observe, out var state, out var outcome):
                    if (outcome is not null)
                    {
                        return outcome;
                    }

                    executingSince = state is JobProgress.Executing ? executingSince ?? timeProvider.GetTimestamp() : executingSince;
                    break;
                case 429:
                    break;
                case 401 or 402 or 403:
                    return ((InferenceOutcome.Failed)EndpointFailure.FromStatus(reply.Status, null)) with { JobGoesOn = true };
                case 404 when isEarlier || elapsed > UnknownAtFirst:
                    return EndpointFailure.Failed(InferenceError.JobLost, "the endpoint does not know the job any more");
                case 404:
                    break;
                default:
                    return LookFailed($"HTTP {reply.Status}");
            }

            if (executingSince is { } since && timeProvider.GetElapsedTime(since) > model.RequestTimeout + TimeoutGrace)
            {
                await CancelAsync(job, CancellationToken.None);
                return EndpointFailure.Failed(InferenceError.Timeout, $"the job was not done within {model.RequestTimeout}");
            }

            if (call.IsWanted is { } isWanted && !isWanted())
            {
                throw new OperationCanceledException("Nobody wants the answer any more.");
            }

            pause = _pace.After(looks);
            pause = reply.RetryAfter is { } asked && asked > pause ? asked : pause;
        }
    }

    /// <summary>A look that fails says nothing about the job, but something about the endpoint.</summary>
    private static InferenceOutcome.Failed LookFailed(string reason)
        => EndpointFailure.Failed(InferenceError.Unavailable, $"the job could not be looked at: {reason}") with { JobGoesOn = true };

    private static TimeSpan Clamp(TimeSpan value, TimeSpan least, TimeSpan most) => value < least ? least : value > most ? most : value;
}
