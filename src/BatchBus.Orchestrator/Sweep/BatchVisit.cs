using BatchBus.Contracts;
using BatchBus.Orchestrator.Batches;
using BatchBus.Orchestrator.Dispatch;
using BatchBus.Orchestrator.Webhooks;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Schedule;
using MassTransit;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace BatchBus.Orchestrator.Sweep;

/// <summary>
/// One look at one batch, which does whatever time or a crash has left to do. Everything here may be done twice: each step either
/// changes nothing the second time or sends a message that does no harm.
/// </summary>
internal sealed partial class BatchVisit(
    BatchStore batches,
    PageStore pages,
    BatchSchedule schedule,
    ILoadSagaRepository<BatchState> sagas,
    WebhookDelivery webhooks,
    IBus bus,
    IOptions<DispatchOptions> dispatch,
    IOptions<RetentionOptions> retention,
    IOptions<SweepOptions> options,
    TimeProvider time,
    ILogger<BatchVisit> logger)
{
    /// <summary>How long a message is given to have its effect before it is sent again.</summary>
    private static readonly TimeSpan MessagePatience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ShortestInterval = TimeSpan.FromMilliseconds(100);

    public async Task RunAsync(Guid batchId, CancellationToken cancellationToken)
    {
        var record = await batches.FindAsync(batchId);
        if (record is null)
        {
            if (await batches.AbandonAsync(batchId))
            {
                Log.UploadLapsed(logger, BatchId.Format(batchId));
            }

            return;
        }

        if (record.ClosedAt is not { } closedAt)
        {
            await schedule.SetAsync(batchId, await ProgressAsync(record, cancellationToken));
            return;
        }

        var keptUntil = record.CreatedAt + retention.Value.Results;
        if (record.Announced && keptUntil <= time.GetUtcNow())
        {
            await batches.ArchiveAsync(batchId);
            Log.Archived(logger, BatchId.Format(batchId));
            return;
        }

        var pause = record.Announced ? keptUntil - time.GetUtcNow() : await AnnounceAsync(record, closedAt, cancellationToken);
        await schedule.SetAsync(batchId, webhooks.PauseOf(record) is { } earlier && earlier < pause ? earlier : pause);
        await webhooks.BeginAsync(record);
    }

    /// <summary>Closed, and the announcement has not come back: the saga is asked to announce. One that the store has lost begins anew, and finds that it is over.</summary>
    private async Task<TimeSpan> AnnounceAsync(BatchRecord record, DateTimeOffset closedAt, CancellationToken cancellationToken)
    {
        if (IsOverdue(closedAt))
        {
            if (await sagas.Load(record.BatchId) is null)
            {
                await bus.Publish(record.Submitted(), cancellationToken);
            }

            await bus.Publish(new ReconcileBatch { BatchId = record.BatchId }, cancellationToken);
            return MessagePatience;
        }

        return BatchSchedule.ActiveInterval;
    }

    private async Task<TimeSpan> ProgressAsync(BatchRecord record, CancellationToken cancellationToken)
    {
        var saga = await sagas.Load(record.BatchId);
        if (saga is null)
        {
            if (!IsOverdue(record.CreatedAt))
            {
                return BatchSchedule.ActiveInterval;
            }

            Log.Resubmitted(logger, BatchId.Format(record.BatchId));
            await bus.Publish(record.Submitted(), cancellationToken);
            return MessagePatience;
        }

        if (saga.CurrentState == nameof(BatchStateMachine.Ended))
        {
            return BatchSchedule.ActiveInterval;
        }

        if (record.CancelInitiatedAt is not null || record.ExpiresAt <= time.GetUtcNow() || saga.Outstanding.Count == 0)
        {
            await bus.Publish(new ReconcileBatch { BatchId = record.BatchId }, cancellationToken);
            return BatchSchedule.ActiveInterval;
        }

        return await RequeueAsync(saga, cancellationToken);
    }

    /// <summary>Sends pages again whose lease lapsed, whose deferral is over, or whose message no worker ever acted upon.</summary>
    /// <returns>When the batch wants to be looked at again: as soon as the next lease lapses, should it not be renewed.</returns>
    private async Task<TimeSpan> RequeueAsync(BatchState saga, CancellationToken cancellationToken)
    {
        var pause = BatchSchedule.ActiveInterval;
        var entries = await pages.ReadAsync(saga.CorrelationId);
        foreach (var outstanding in saga.Outstanding)
        {
            var page = new Page(saga.CorrelationId, outstanding.Lane, outstanding.From, outstanding.Count);
            var overdue = entries.IsOverdue(page, out var entry);
            if (entry is null)
            {
                overdue = outstanding.DispatchedAt < options.Value.BusStartedAt || outstanding.DispatchedAt + dispatch.Value.RequeueAfter <= time.GetUtcNow();
            }

            if (!overdue)
            {
                var left = entries.LeaseLeft(entry);
                pause = left < pause ? left : pause;
                continue;
            }

            // Sent before it is marked: a crash in between sends it twice, which the lease settles; the other order would send nothing.
            Log.Requeued(logger, BatchId.Format(saga.CorrelationId), page.Name, outstanding.Model);
            await ModelQueue.SendAsync(bus, saga, outstanding, isLater: true, cancellationToken);
            await pages.MarkRequeuedAsync(page, entry, TimeSpan.FromTicks(Math.Max(dispatch.Value.RequeueAfter.Ticks, 2 * PageEntries.LastPause(entry).Ticks)));
        }

        return pause < ShortestInterval ? ShortestInterval : pause;
    }

    /// <summary>Whether a message that was due at a moment must have had its effect by now, or is known to be lost.</summary>
    private bool IsOverdue(DateTimeOffset moment) => moment < options.Value.BusStartedAt || moment + MessagePatience <= time.GetUtcNow();

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "{BatchId}: the upload lapsed uncommitted; what it had stored is removed")]
        public static partial void UploadLapsed(ILogger logger, string batchId);

        [LoggerMessage(LogLevel.Information, "{BatchId}: its requests and results are removed, having been kept for their time")]
        public static partial void Archived(ILogger logger, string batchId);

        [LoggerMessage(LogLevel.Warning, "{BatchId} is committed but has no saga; it is submitted again")]
        public static partial void Resubmitted(ILogger logger, string batchId);

        [LoggerMessage(LogLevel.Information, "{BatchId}: page {Page} is sent to {Model} again")]
        public static partial void Requeued(ILogger logger, string batchId, string page, string model);
    }
}
