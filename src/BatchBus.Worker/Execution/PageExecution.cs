using System.Collections.Concurrent;
using System.Threading.Channels;
using BatchBus.Contracts;
using BatchBus.Inference;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Worker.Endpoints;
using BatchBus.Worker.Leases;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace BatchBus.Worker.Execution;

/// <summary>
/// One page from lease to durable results: every request without a result waits for a slot, calls the model, and its result is stored
/// at once, together with those that finished while the store was busy.
/// </summary>
internal sealed partial class PageExecution(
    HeldPage held,
    PageLease lease,
    string owner,
    ModelWorker worker,
    PageStore pages,
    RequestStore requests,
    ResultStore results,
    CallTelemetry telemetry,
    TimeProvider time,
    ILogger logger)
    : IAsyncDisposable
{
    /// <summary>Failures of a request that count, those while others succeed, until it ends errored.</summary>
    private const int MostAttempts = 5;

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(15);

    /// <summary>Where the endpoint is to blame its circuit does the waiting.</summary>
    private static readonly TimeSpan LongestPauseOfEndpoint = TimeSpan.FromSeconds(1);

    /// <summary>Workers that may die of a page before its requests are tried one by one.</summary>
    private const int MostLapses = 3;

    /// <summary>Results that came in so many pieces take noticeably more room than in one.</summary>
    private const int WorthCompacting = 4;

    private readonly SortedList<int, StoredResult> _stored = [];

    /// <summary>Jobs that are under way, by the position of their request.</summary>
    private readonly ConcurrentDictionary<int, SubmittedJob> _jobs = new();
    private readonly Func<bool> _mayBegin = () => held.MayStart;
    private readonly Func<bool> _isWanted = () => held.State is not HeldPageState.BatchStopped;
    private readonly long _leasedAt = time.GetTimestamp();
    private int _pieces;
    private int _admitted = held.Page.Count;

    /// <summary>How many workers have died of the isolated request that is under way; null while the page is executed as usual.</summary>
    private int? _deaths;
    private bool _isAlone;

    public Page Page => held.Page;

    /// <summary>Whether every result of the page was stored by this execution, so that its report needs no reading back.</summary>
    public bool SoleAuthor => _stored.Count == Page.Count;

    /// <summary>Executes the page; true when every request has a stored result.</summary>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        var pageRequests = await StoreRetry.RunAsync(
            () => requests.ReadAsync(Page.BatchId, Page.Lane, Page.From, Page.Count), time, logger, cancellationToken);
        var open = Enumerable.Range(0, pageRequests.Count).Where(i => !lease.Finished[i]).ToList();
        Leave(Page.Count - open.Count);
        if (worker.Endpoints.UseJobs)
        {
            foreach (var (position, job) in await StoreRetry.RunAsync(() => pages.JobsAsync(Page), time, logger, cancellationToken))
            {
                _jobs[position] = job;
            }
        }

        var stored = lease.Attempt <= MostLapses
            ? await ExecuteAsync(open.Select(i => Answer(Page.From + i, pageRequests[i])), cancellationToken)
            : await IsolateAsync(open.Select(i => (Page.From + i, pageRequests[i])), cancellationToken);
        return stored == open.Count;
    }

    /// <summary>Answers requests and stores their results. Returns how many have a stored result.</summary>
    private async Task<int> ExecuteAsync(IEnumerable<(int Position, Func<CancellationToken, Task<StoredResult?>> AnswerAsync)> answers, CancellationToken cancellationToken)
    {
        using var calls = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var finished = Channel.CreateUnbounded<(int Position, StoredResult Result)>(new UnboundedChannelOptions { SingleReader = true });
        var storing = StoreAsync(finished.Reader, calls);
        var executing = Task.WhenAll(answers.Select(async answer =>
        {
            if (await answer.AnswerAsync(calls.Token) is { } result)
            {
                finished.Writer.TryWrite((answer.Position, result));
            }
        }));
        await executing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        finished.Writer.Complete();
        var stored = await storing;
        cancellationToken.ThrowIfCancellationRequested();
        if (executing.Exception is { } bug)
        {
            throw bug;
        }

        return stored;
    }

    /// <summary>
    /// Executes requests one after the other, each result stored before the next begins, because every worker that had this page has
    /// died. A request of which another one dies is suspected: until it is stored, this worker makes no other call, of whatever page, so that
    /// it does not get the blame for one of those. One that was alone with a worker when that died is not tried again.
    /// </summary>
    private async Task<int> IsolateAsync(IEnumerable<(int Position, StoredRequest Request)> open, CancellationToken cancellationToken)
    {
        Log.Isolated(logger, BatchId.Format(Page.BatchId), Page.Name, lease.Attempt - 1);
        var deaths = await StoreRetry.RunAsync(() => pages.DeathsAsync(Page), time, logger, cancellationToken);
        var stored = 0;
        foreach (var (position, request) in open)
        {
            _deaths = deaths.GetValueOrDefault(position);
            try
            {
                stored += await ExecuteAsync([_deaths > 1 ? GiveUp(position, request) : Answer(position, request)], cancellationToken);
            }
            finally
            {
                try
                {
                    await StoreRetry.RunAsync(() => pages.ClearAsync(Page, position), time, logger, cancellationToken);
                }
                finally
                {
                    EndAlone();
                }
            }
        }

        return stored;
    }

    private (int Position, Func<CancellationToken, Task<StoredResult?>> AnswerAsync) Answer(int position, StoredRequest request)
        => (position, cancellationToken => AnswerAsync(position, request, cancellationToken));

    private (int Position, Func<CancellationToken, Task<StoredResult?>> AnswerAsync) GiveUp(int position, StoredRequest request)
    {
        Log.GivenUp(logger, BatchId.Format(Page.BatchId), request.CustomId);
        Leave(1);
        return (position, _ => Task.FromResult<StoredResult?>(Errored(
            request, "api_error", "Every worker that executed this request died, the last one with this request alone. It is not tried again.")));
    }

    /// <summary>Makes one block of results that a slow model delivered one by one.</summary>
    public Task CompactAsync()
        => SoleAuthor && _pieces >= WorthCompacting && Page.Count <= ResultStore.MaxBlock
            ? results.CompactAsync(Page.BatchId, Page.Lane, Page.From, [.. _stored.Values])
            : Task.CompletedTask;

    /// <summary>The results that this execution has stored, in the order of the lane.</summary>
    public IEnumerable<StoredResult> Stored => _stored.Values;

    public ValueTask DisposeAsync()
    {
        Leave(_admitted);
        return ValueTask.CompletedTask;
    }

    /// <summary>Calls the model until there is an answer; null when no more calls may be started.</summary>
    private async Task<StoredResult?> AnswerAsync(int position, StoredRequest request, CancellationToken cancellationToken)
    {
        try
        {
            var counted = 0;
            for (var failures = 0; ; failures++)
            {
                if (!await held.MayStartAsync(cancellationToken))
                {
                    return null;
                }

                var (outcome, gpuTime, othersSucceeded) = await CallAsync(position, request, isSuspect: counted > 0, cancellationToken);
                if (outcome is null or InferenceOutcome.Failed)
                {
                    await NoteDeathsAsync(position, _deaths, cancellationToken);
                    EndAlone();
                }

                switch (outcome)
                {
                    case null:
                        failures--;
                        break;
                    case InferenceOutcome.Succeeded succeeded:
                        return Succeeded(request, succeeded, gpuTime);
                    case InferenceOutcome.Refused refused:
                        return Errored(request, refused.ErrorType, refused.Message);
                    case InferenceOutcome.Failed failed:
                        var policy = InferenceErrors.PolicyOf(failed.Error);
                        if (policy.UsesAttempt && (othersSucceeded || !policy.BlamesEndpoint) && ++counted >= MostAttempts)
                        {
                            return Errored(request, policy.ErrorType, $"The model endpoint failed {counted} times on this request: {failed.Message}");
                        }

                        var pause = Pause(failures, policy.BlamesEndpoint ? LongestPauseOfEndpoint : LongestPause, failed.RetryAfter);
                        Log.CallFailed(logger, BatchId.Format(Page.BatchId), request.CustomId, held.Model, failed.Error, failed.Message, pause.TotalSeconds);
                        _ = NoteFailureAsync(position, new CallFailure(failures + 1, $"{failed.Error}: {failed.Message}"));
                        await Task.Delay(pause, time, held.Withdrawn);
                        break;
                    default:
                        throw new InvalidOperationException($"Unknown outcome {outcome.GetType().Name}.");
                }
            }
        }
        finally
        {
            Leave(1);
        }
    }

    /// <summary>Makes one call once there is a slot for it, or goes on with the job of an earlier one; no outcome where it may not be made any more.</summary>
    private async Task<(InferenceOutcome? Outcome, TimeSpan GpuTime, bool OthersSucceeded)> CallAsync(
        int position, StoredRequest request, bool isSuspect, CancellationToken cancellationToken)
    {
        var call = (await worker.BeginAsync(held, alone: _deaths > 0)) with { IsSuspect = isSuspect };
        _isAlone = call.IsAlone;
        InferenceOutcome? outcome = null;
        TimeSpan gpuTime;
        bool othersSucceeded;
        try
        {
            await NoteDeathsAsync(position, _deaths + 1, cancellationToken);
            if (held.MayStart)
            {
                var endpoint = call.Gate.Endpoint.Name;
                var model = new ModelCall(request.Parameters)
                {
                    MayBegin = _mayBegin,
                    IsWanted = _isWanted,
                    TimeLeft = lease.TimeLeft - time.GetElapsedTime(_leasedAt),
                    Job = _jobs.TryGetValue(position, out var job) && job.Endpoint == endpoint ? job.Id : null,
                    Submitted = id => NoteAsync(position, new SubmittedJob(endpoint, id), cancellationToken),
                };
                outcome = await telemetry.ObserveAsync(
                    call.Gate.Endpoint, Page.BatchId, request.CustomId, () => call.Gate.Client.CompleteAsync(model, cancellationToken));
                if (outcome is not InferenceOutcome.Failed { JobGoesOn: true })
                {
                    _jobs.TryRemove(position, out _);
                }
            }
        }
        finally
        {
            (gpuTime, othersSucceeded) = worker.Complete(call, outcome);
        }

        return (outcome, gpuTime, othersSucceeded);
    }

    /// <summary>Others may call again: what was called for alone is stored, or is not under way.</summary>
    private void EndAlone()
    {
        if (_isAlone)
        {
            _isAlone = false;
            worker.EndAlone();
        }
    }

    /// <summary>Before an isolated request is called for, its death is noted; what outlives the call takes that back.</summary>
    private Task NoteDeathsAsync(int position, int? deaths, CancellationToken cancellationToken)
        => deaths is { } known ? StoreRetry.RunAsync(() => pages.NoteDeathsAsync(Page, position, known), time, logger, cancellationToken) : Task.CompletedTask;

    private Task NoteAsync(int position, SubmittedJob job, CancellationToken cancellationToken)
    {
        _jobs[position] = job;
        return StoreRetry.RunAsync(() => pages.NoteJobAsync(Page, position, job), time, logger, cancellationToken);
    }

    /// <summary>Only people ask for it, so nothing waits for it or depends on it.</summary>
    private async Task NoteFailureAsync(int position, CallFailure failure)
    {
        try
        {
            await pages.NoteFailureAsync(Page, position, failure);
        }
        catch (Exception exception) when (exception is RedisException or RedisTimeoutException)
        {
            // The failure is in the log.
        }
    }

    /// <summary>Frees the endpoints of jobs whose answers nobody will keep.</summary>
    public Task CancelJobsAsync(CancellationToken cancellationToken) => worker.CancelAsync(_jobs.Values, cancellationToken);

    /// <summary>Stores what has finished, again and again, until the calls are over. Returns how many requests have a stored result.</summary>
    private async Task<int> StoreAsync(ChannelReader<(int Position, StoredResult Result)> reader, CancellationTokenSource calls)
    {
        var count = 0;
        var finished = new List<(int Position, StoredResult Result)>();
        while (await reader.WaitToReadAsync(CancellationToken.None))
        {
            while (reader.TryRead(out var entry))
            {
                finished.Add(entry);
            }

            finished.Sort((left, right) => left.Position.CompareTo(right.Position));
            var status = await TryStoreAsync(finished, calls.Token);
            if (status is StoreStatus.Stored)
            {
                count += finished.Count;
                _pieces++;
            }
            else if (status is StoreStatus.Taken)
            {
                count += await StoreRemainderAsync(finished, calls);
            }
            else
            {
                await WithdrawAsync(status, calls);
            }

            finished.Clear();
        }

        return count;
    }

    /// <summary>Some of these results have been stored before, by an attempt of ours whose answer was lost or by the page's holder of then: those stand.</summary>
    private async Task<int> StoreRemainderAsync(List<(int Position, StoredResult Result)> finished, CancellationTokenSource calls)
    {
        for (var i = 0; i < finished.Count; i++)
        {
            var status = await TryStoreAsync([finished[i]], calls.Token);
            if (status is not (StoreStatus.Stored or StoreStatus.Taken))
            {
                await WithdrawAsync(status, calls);
                return i;
            }
        }

        return finished.Count;
    }

    private async Task<StoreStatus> TryStoreAsync(List<(int Position, StoredResult Result)> finished, CancellationToken cancellationToken)
    {
        var status = await StoreRetry.RunAsync(
            async () =>
            {
                var askedAt = time.GetTimestamp();
                var answer = await results.StoreAsync(Page, owner, finished);
                telemetry.StoreAnswered(askedAt);
                return answer;
            },
            time,
            logger,
            cancellationToken);
        if (status is StoreStatus.Stored)
        {
            telemetry.Stored(worker.Model, finished);
            finished.ForEach(entry => _stored[entry.Position] = entry.Result);
        }

        return status;
    }

    private Task WithdrawAsync(StoreStatus status, CancellationTokenSource calls)
    {
        held.Withdraw(status is StoreStatus.Lost ? HeldPageState.Lost : HeldPageState.BatchStopped);
        return calls.CancelAsync();
    }

    private void Leave(int over)
    {
        Interlocked.Add(ref _admitted, -over);
        worker.Leave(over);
    }

    private static StoredResult Succeeded(in StoredRequest request, InferenceOutcome.Succeeded outcome, TimeSpan gpuTime) => new(
        request.Index,
        request.CustomId,
        RequestOutcome.Succeeded,
        outcome.Usage.InputTokens,
        outcome.Usage.CachedTokens,
        outcome.Usage.OutputTokens,
        (long)gpuTime.TotalMicroseconds,
        ResultLine.Succeeded(request.CustomId, outcome.Message.Span));

    private static StoredResult Errored(in StoredRequest request, string errorType, string message) => new(
        request.Index, request.CustomId, RequestOutcome.Errored, 0, 0, 0, 0, ResultLine.Errored(request.CustomId, errorType, message, $"req_{Guid.CreateVersion7():N}"));

    /// <summary>Doubles from a quarter of a second up to a cap, with full jitter; never less than what the endpoint asked for.</summary>
    private static TimeSpan Pause(int failures, TimeSpan most, TimeSpan? retryAfter)
    {
        var longest = Math.Min(most.TotalMilliseconds, 250 * Math.Pow(2, Math.Min(failures, 10)));
        var pause = TimeSpan.FromMilliseconds((longest / 2) + (Random.Shared.NextDouble() * longest / 2));
        return retryAfter > pause ? retryAfter.Value : pause;
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{BatchId}: page {Page} has outlived {Workers} workers; its requests are tried one by one")]
        public static partial void Isolated(ILogger logger, string batchId, string page, int workers);

        [LoggerMessage(LogLevel.Error, "{BatchId}: {CustomId} is given up; a worker died while it executed nothing else")]
        public static partial void GivenUp(ILogger logger, string batchId, string customId);

        [LoggerMessage(LogLevel.Debug, "{BatchId}: {CustomId} on {Model} failed ({Error}: {Message}); tried again in {Pause:0.0} s")]
        public static partial void CallFailed(ILogger logger, string batchId, string customId, string model, InferenceError error, string message, double pause);
    }
}
