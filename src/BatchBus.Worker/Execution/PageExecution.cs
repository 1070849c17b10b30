using System.Threading.Channels;
using BatchBus.Contracts;
using BatchBus.Inference;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Worker.Leases;
using Microsoft.Extensions.Logging;

namespace BatchBus.Worker.Execution;

/// <summary>
/// One page from lease to durable results: every request without a result waits for a slot, calls the model, and its result is stored
/// at once, together with those that finished while the store was busy.
/// </summary>
internal sealed partial class PageExecution(
    HeldPage held,
    PageLease lease,
    ModelWorker worker,
    IModelClient client,
    PageStore pages,
    RequestStore requests,
    ResultStore results,
    TimeProvider time,
    ILogger logger)
    : IAsyncDisposable
{
    /// <summary>Failures of a request that count, those while others succeed, until it ends errored.</summary>
    private const int MostAttempts = 5;

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(15);

    /// <summary>Workers that may die of a page before its requests are tried one by one.</summary>
    private const int MostLapses = 3;

    /// <summary>Results that came in so many pieces take noticeably more room than in one.</summary>
    private const int WorthCompacting = 4;

    private readonly SortedList<int, StoredResult> _stored = [];
    private int _pieces;
    private int _admitted = held.Page.Count;

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
    /// died. A request that was alone with a worker when that died is not tried again.
    /// </summary>
    private async Task<int> IsolateAsync(IEnumerable<(int Position, StoredRequest Request)> open, CancellationToken cancellationToken)
    {
        Log.Isolated(logger, BatchId.Format(Page.BatchId), Page.Name, lease.Attempt - 1);
        var stored = 0;
        foreach (var (position, request) in open)
        {
            var isPoison = await StoreRetry.RunAsync(() => pages.SuspectAsync(Page, position), time, logger, cancellationToken);
            try
            {
                stored += await ExecuteAsync([isPoison ? GiveUp(position, request) : Answer(position, request)], cancellationToken);
            }
            finally
            {
                await StoreRetry.RunAsync(() => pages.ClearAsync(Page, position), time, logger, cancellationToken);
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

    /// <summary>Calls the model until there is an answer; null when no more calls may be started, or none is needed.</summary>
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

                await worker.TakeSlotAsync(held, cancellationToken);
                InferenceOutcome outcome;
                var successes = worker.Successes;
                try
                {
                    if (!held.MayStart)
                    {
                        failures--;
                        continue;
                    }

                    // Whoever had the page before may have come back to life and stored what it had open.
                    if (lease.Attempt > 1 && (await StoreRetry.RunAsync(() => results.FinishedAsync(Page.BatchId, Page.Lane, position, 1), time, logger, cancellationToken))[0])
                    {
                        return null;
                    }

                    outcome = await client.CompleteAsync(request.Parameters, cancellationToken);
                }
                finally
                {
                    worker.ReturnSlot();
                }

                switch (outcome)
                {
                    case InferenceOutcome.Succeeded succeeded:
                        worker.CountSuccess();
                        return Succeeded(request, succeeded);
                    case InferenceOutcome.Refused refused:
                        return Errored(request, refused.ErrorType, refused.Message);
                    case InferenceOutcome.Failed failed:
                        var reaction = InferenceErrors.ReactionTo(failed.Error);
                        if (reaction is ErrorReaction.RetryAsAttempt && worker.Successes > successes && ++counted >= MostAttempts)
                        {
                            return Errored(request, InferenceErrors.ErrorTypeOf(failed.Error), $"The model endpoint failed {counted} times on this request: {failed.Message}");
                        }

                        var pause = Pause(failures, failed.RetryAfter);
                        Log.CallFailed(logger, BatchId.Format(Page.BatchId), request.CustomId, held.Model, failed.Error, failed.Message, pause.TotalSeconds);
                        await Task.Delay(pause, time, cancellationToken);
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
            var status = await StoreRetry.RunAsync(
                () => results.StoreAsync(Page.BatchId, Page.Lane, finished), time, logger, calls.Token);
            if (status is StoreStatus.Taken)
            {
                count += await StoreRemainderAsync(finished, calls.Token);
            }
            else if (status is StoreStatus.Stored)
            {
                count += finished.Count;
                _pieces++;
                finished.ForEach(entry => _stored[entry.Position] = entry.Result);
            }
            else
            {
                held.Withdraw(HeldPageState.BatchStopped);
                await calls.CancelAsync();
            }

            finished.Clear();
        }

        return count;
    }

    /// <summary>Another worker was first with some of these results, or an earlier attempt of ours whose answer was lost: the stored ones stand.</summary>
    private async Task<int> StoreRemainderAsync(List<(int Position, StoredResult Result)> finished, CancellationToken cancellationToken)
    {
        foreach (var entry in finished)
        {
            var status = await StoreRetry.RunAsync(() => results.StoreAsync(Page.BatchId, Page.Lane, [entry]), time, logger, cancellationToken);
            if (status is StoreStatus.Stored)
            {
                _stored[entry.Position] = entry.Result;
            }
        }

        return finished.Count;
    }

    private void Leave(int over)
    {
        Interlocked.Add(ref _admitted, -over);
        worker.Leave(over);
    }

    private static StoredResult Succeeded(in StoredRequest request, InferenceOutcome.Succeeded outcome) => new(
        request.Index,
        request.CustomId,
        RequestOutcome.Succeeded,
        outcome.Usage.InputTokens,
        outcome.Usage.CachedTokens,
        outcome.Usage.OutputTokens,
        (long)outcome.Usage.ExecutionTime.TotalMicroseconds,
        ResultLine.Succeeded(request.CustomId, outcome.Message.Span));

    private static StoredResult Errored(in StoredRequest request, string errorType, string message) => new(
        request.Index, request.CustomId, RequestOutcome.Errored, 0, 0, 0, 0, ResultLine.Errored(request.CustomId, errorType, message, $"req_{Guid.CreateVersion7():N}"));

    /// <summary>Doubles from a quarter of a second up to a cap, with full jitter; never less than what the endpoint asked for.</summary>
    private static TimeSpan Pause(int failures, TimeSpan? retryAfter)
    {
        var longest = Math.Min(LongestPause.TotalMilliseconds, 250 * Math.Pow(2, Math.Min(failures, 10)));
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
