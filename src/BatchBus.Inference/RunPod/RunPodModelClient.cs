using System.Text.Json;
using BatchBus.Inference.Calls;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Errors;
using BatchBus.Inference.Mapping;

namespace BatchBus.Inference.RunPod;

internal sealed class RunPodModelClient(IRunPodApi api, CatalogModel model, TimeProvider timeProvider) : IModelClient
{
    private const int LargestJob = 10 * 1000 * 1000;

    private static readonly TimeSpan RunTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StatusTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan CancelTimeout = TimeSpan.FromSeconds(5);

    // A job may be unknown for a moment after it was accepted.
    private static readonly TimeSpan UnknownAtFirst = TimeSpan.FromSeconds(30);

    // RunPod accepts no shorter ones.
    private static readonly TimeSpan ShortestExecutionTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ResultGrace = TimeSpan.FromMinutes(1);

    private readonly PollPace _pace = new(model.PollInterval, model.MaxPollInterval);

    public async Task<InferenceOutcome> CompleteAsync(ReadOnlyMemory<byte> parameters, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!MessagesParamsReader.TryRead(parameters, model, out var request, out var refusal))
        {
            return refusal;
        }

        var executionTimeout = model.RequestTimeout > ShortestExecutionTimeout ? model.RequestTimeout : ShortestExecutionTimeout;
        var job = ChatRequestWriter.WriteJob(request, model, parameters.Length, executionTimeout, executionTimeout + ResultGrace);
        if (job.Length > LargestJob)
        {
            return new InferenceOutcome.Refused("request_too_large", $"Request exceeds the {LargestJob} bytes that the model's endpoint accepts");
        }

        var started = timeProvider.GetTimestamp();
        var (jobId, failure) = await SubmitAsync(job, cancellationToken);
        if (jobId is null)
        {
            return failure!;
        }

        return await AwaitAsync(jobId, request, started, cancellationToken);
    }

    private async Task<(string? JobId, InferenceOutcome? Failure)> SubmitAsync(ReadOnlyMemory<byte> job, CancellationToken cancellationToken)
    {
        var timeout = model.RequestTimeout < RunTimeout ? model.RequestTimeout : RunTimeout;
        var (reply, failure) = await HttpExchange.SendAsync(token => api.RunAsync(JsonBody.Of(job), token), timeout, timeProvider, cancellationToken);
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

    /// <summary>Looks at the job until it is over. A look that fails says nothing about the job, so only the time allowed ends this.</summary>
    private async Task<InferenceOutcome> AwaitAsync(string jobId, ChatRequest request, long started, CancellationToken cancellationToken)
    {
        var isOver = false;
        try
        {
            var pause = _pace.First();
            for (var looks = 1; ; looks++)
            {
                var left = model.RequestTimeout - timeProvider.GetElapsedTime(started);
                if (left <= TimeSpan.Zero)
                {
                    return EndpointFailure.Failed(InferenceError.Timeout, $"the job was not done within {model.RequestTimeout}");
                }

                await Task.Delay(pause < left ? pause : left, timeProvider, cancellationToken);
                var (reply, _) = await HttpExchange.SendAsync(
                    token => api.GetStatusAsync(jobId, token), StatusTimeout, timeProvider, cancellationToken);
                var elapsed = timeProvider.GetElapsedTime(started);
                if (reply is not null && Judge(reply, request, elapsed) is { } outcome)
                {
                    isOver = true;
                    return outcome;
                }

                pause = _pace.After(looks);
                if (reply?.RetryAfter is { } asked && asked > pause)
                {
                    pause = asked;
                }
            }
        }
        finally
        {
            if (!isOver)
            {
                await CancelAsync(jobId);
            }
        }
    }

    /// <summary>What the look says, or null as long as it leaves the job's fate open.</summary>
    private InferenceOutcome? Judge(HttpReply reply, ChatRequest request, TimeSpan elapsed)
    {
        switch (reply.Status)
        {
            case 200:
                return JobReply.Read(reply.Body, model, request, elapsed, _pace.Observe);
            case 401 or 402 or 403:
                return EndpointFailure.FromReply(reply.Status, reply.Body, reply.RetryAfter);
            case 404 when elapsed > UnknownAtFirst:
                return EndpointFailure.Failed(InferenceError.JobLost, "the endpoint does not know the job any more");
            default:
                return null;
        }
    }

    /// <summary>Frees the endpoint of a job that nobody waits for; without the caller's token, which may be what ended the wait.</summary>
    private async Task CancelAsync(string jobId) =>
        await HttpExchange.SendAsync(token => api.CancelAsync(jobId, token), CancelTimeout, timeProvider, CancellationToken.None);
}
