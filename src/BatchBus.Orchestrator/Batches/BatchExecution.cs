using System.Diagnostics;
using System.Globalization;
using BatchBus.Contracts;
using BatchBus.Orchestrator.Dispatch;
using BatchBus.Orchestrator.Sweep;
using BatchBus.Storage;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Fleet;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Results;
using BatchBus.Storage.Usage;
using MassTransit;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace BatchBus.Orchestrator.Batches;

/// <summary>What the state machine's verbs do with the store: begin, release pages, close, announce.</summary>
internal sealed partial class BatchExecution(
    BatchStore batches,
    ResultStore results,
    FleetStore fleet,
    PageStore pages,
    UsageLedger usage,
    DispatchWindow window,
    IOptions<DispatchOptions> options,
    IOptions<WorkspaceWeights> weights,
    IOptions<RetentionOptions> retention,
    BatchMetrics metrics,
    TimeProvider time,
    ILogger<BatchExecution> logger)
{
    /// <summary>How long a canceled or expired batch waits for calls in flight before it is closed all the same.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(60);

    public async Task<bool> IsStoredAsync<T>(BehaviorContext<BatchState, T> context)
        where T : class
        => await batches.FindAsync(context.Saga.CorrelationId) is not null;

    public async Task BeginAsync(BehaviorContext<BatchState, BatchSubmitted> context)
    {
        var (saga, record) = (context.Saga, await RecordAsync(context.Saga));
        saga.Workspace = record.Workspace;
        saga.Weight = weights.Value.Of(record.Workspace);
        saga.Trace = Telemetry.Source.HasListeners() ? Activity.Current?.Id : null;
        saga.Lanes = [.. record.Lanes.Where(lane => lane.Model is not null).Select(lane => new LaneProgress
        {
            Lane = lane.Number,
            Model = lane.Model!,
            Count = lane.Count,
            MeanBytes = lane.Bytes / Math.Max(1, lane.Count),
        })];
        foreach (var model in saga.Lanes.Select(lane => lane.Model).Distinct())
        {
            await fleet.AddBatchAsync(model, saga.CorrelationId, saga.Workspace, saga.Weight);
        }

        var models = record.Lanes.GroupBy(lane => lane.Model ?? "no model", lane => lane.Count).Select(lanes => string.Create(CultureInfo.InvariantCulture, $"{lanes.Sum():N0} for {lanes.Key}"));
        Log.Began(logger, BatchId.Format(saga.CorrelationId), record.Total, string.Join(", ", models));
    }

    public async Task<IReadOnlyList<OutstandingPage>> ReleaseAsync(BatchState saga, PageOrigin? origin, CancellationToken cancellationToken)
    {
        var released = new List<OutstandingPage>();
        if (saga.CurrentState is nameof(BatchStateMachine.Canceling) or nameof(BatchStateMachine.Ended))
        {
            return released;
        }

        foreach (var lanes in saga.Lanes.Where(lane => lane.Remaining > 0).GroupBy(lane => lane.Model))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var outstanding = saga.Outstanding.Where(page => page.Model == lanes.Key).Sum(page => page.Count);
            var (state, allowed) = await window.ForAsync(lanes.Key, saga.Workspace, outstanding + lanes.Sum(lane => lane.Remaining));
            var room = allowed - outstanding;
            var idle = outstanding == 0;
            foreach (var lane in lanes)
            {
                while (lane.Remaining > 0 && (room > 0 || idle))
                {
                    var page = new OutstandingPage
                    {
                        Lane = lane.Lane,
                        Model = lane.Model,
                        From = lane.Cursor,
                        Count = PageSize.Next(lane.Remaining, state.Workers, state.Slots, allowed, lane.MeanBytes, options.Value),
                        ReleasedBy = origin,
                        DispatchedAt = time.GetUtcNow(),
                    };
                    lane.Cursor += page.Count;
                    room -= page.Count;
                    idle = false;
                    released.Add(page);
                }
            }
        }

        saga.Outstanding.AddRange(released);
        return released;
    }

    public async Task<bool> CloseWhenDrainedAsync<T>(BehaviorContext<BatchState, T> context)
        where T : class
    {
        var saga = context.Saga;
        if (saga.CurrentState is nameof(BatchStateMachine.Canceling) or nameof(BatchStateMachine.Ended) || !saga.IsDrained)
        {
            return false;
        }

        switch (await batches.CloseAsync(saga.CorrelationId, BatchEndReason.Completed))
        {
            case CloseResult.Closed:
                return true;
            case CloseResult.Unfinished:
                // Reported, yet without a result: the store lost its last second. Whatever has none is executed again.
                await context.SendPagesAsync(await ReopenAsync(saga));
                return false;
            default:
                return false;
        }
    }

    public async Task<bool> IsCancelAskedAsync<T>(BehaviorContext<BatchState, T> context)
        where T : class
        => await batches.FindAsync(context.Saga.CorrelationId) is { CancelInitiatedAt: not null };

    public async Task<bool> CloseWhenDueAsync<T>(BehaviorContext<BatchState, T> context)
        where T : class
    {
        if (context.Saga.CurrentState == nameof(BatchStateMachine.Ended) || await batches.FindAsync(context.Saga.CorrelationId) is not { } record)
        {
            return false;
        }

        var now = time.GetUtcNow();
        if (record.ClosedAt is not null)
        {
            return true;
        }

        var (due, reason) = record.CancelInitiatedAt is { } canceledAt
            ? (canceledAt, BatchEndReason.Canceled)
            : (record.ExpiresAt, BatchEndReason.Expired);
        return due <= now && await batches.CloseAsync(record.BatchId, reason, force: now - due >= Grace) is CloseResult.Closed;
    }

    /// <param name="context">The saga and the event.</param>
    /// <param name="isFirst">Whether it ends by this event, rather than having ended before.</param>
    public async Task AnnounceEndAsync<T>(BehaviorContext<BatchState, T> context, bool isFirst)
        where T : class
    {
        if (await batches.FindAsync(context.Saga.CorrelationId) is not { } record)
        {
            // Deleted since it ended: there is nothing left to announce.
            await LeaveFleetAsync(context.Saga);
            return;
        }

        await usage.RecordAsync(record);
        await LeaveFleetAsync(context.Saga);
        if (context.Saga.Outstanding.Count > 0)
        {
            // Whoever gets such a page finds that its batch is over, and cancels the jobs that a worker which is gone had submitted for it.
            var entries = await pages.ReadAsync(record.BatchId);
            await context.SendPagesAsync([.. context.Saga.Outstanding.Where(page => entries.HasJobs(new Page(record.BatchId, page.Lane, page.From, page.Count)))]);
            context.Saga.Outstanding.Clear();
        }

        if (isFirst && !record.Announced)
        {
            var counts = record.FinalCounts;
            Log.Ended(
                logger, BatchId.Format(record.BatchId), record.Reason!.Value, counts.Succeeded, counts.Errored, counts.Canceled, counts.Expired, (record.ClosedAt!.Value - record.CreatedAt).TotalSeconds);
            metrics.Ended(record);
        }

        await context.Publish(
            new BatchEnded
            {
                BatchId = record.BatchId,
                Workspace = record.Workspace,
                Reason = record.Reason!.Value,
                Counts = record.FinalCounts,
                EndedAt = record.ClosedAt!.Value,
            },
            context.CancellationToken);
    }

    public Task RecordAnnouncementAsync(BatchState saga) => batches.MarkAnnouncedAsync(saga.CorrelationId, retention.Value.Results);

    /// <summary>Gives the batch's share of its models' windows back.</summary>
    public Task LeaveFleetAsync(BatchState saga) => fleet.RemoveBatchAsync(saga.Lanes.Select(lane => lane.Model), saga.CorrelationId);

    private async Task<IReadOnlyList<OutstandingPage>> ReopenAsync(BatchState saga)
    {
        var pages = new List<OutstandingPage>();
        foreach (var lane in saga.Lanes)
        {
            var finished = await results.FinishedAsync(saga.CorrelationId, lane.Lane, 0, lane.Count);
            for (var from = Array.IndexOf(finished, false); from >= 0; from = from < finished.Length ? Array.IndexOf(finished, false, from) : -1)
            {
                var count = 1;
                while (count < options.Value.MaxPageSize && from + count < finished.Length && !finished[from + count])
                {
                    count++;
                }

                pages.Add(new OutstandingPage { Lane = lane.Lane, Model = lane.Model, From = from, Count = count, DispatchedAt = time.GetUtcNow() });
                from += count;
            }
        }

        Log.Reopened(logger, BatchId.Format(saga.CorrelationId), pages.Sum(page => page.Count));
        saga.Outstanding.AddRange(pages);
        return pages;
    }

    private async Task<BatchRecord> RecordAsync(BatchState saga)
        => await batches.FindAsync(saga.CorrelationId)
            ?? throw new InvalidOperationException($"Batch {BatchId.Format(saga.CorrelationId)} was deleted while an event for it was handled.");

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "{BatchId} began. Requests: {Requests} ({Models})")]
        public static partial void Began(ILogger logger, string batchId, int requests, string models);

        [LoggerMessage(LogLevel.Information, "{BatchId} ended ({Reason}) after {Elapsed:0.0} s: {Succeeded} succeeded, {Errored} errored, {Canceled} canceled, {Expired} expired")]
        public static partial void Ended(ILogger logger, string batchId, BatchEndReason reason, int succeeded, int errored, int canceled, int expired, double elapsed);

        [LoggerMessage(LogLevel.Warning, "{BatchId}: {Requests} requests were reported but have no stored result; the store has lost writes. They are executed again")]
        public static partial void Reopened(ILogger logger, string batchId, int requests);
    }
}
