using BatchBus.Contracts;
using BatchBus.Storage.Clock;
using BatchBus.Storage.Schedule;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BatchBus.Orchestrator.Sweep;

/// <summary>Visits the batches that are due. Several replicas share the work: who claims an entry visits it.</summary>
internal sealed partial class BatchSweeper(BatchSchedule schedule, BatchVisit visit, StoreClock clock, TimeProvider time, ILogger<BatchSweeper> logger) : BackgroundService
{
    private const int MostAtOnce = 64;
    private const int VisitsAtOnce = 8;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    /// <summary>A visit takes milliseconds. One that takes longer is done twice, which does no harm; one that died is soon done by another.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan LongestVisit = TimeSpan.FromSeconds(10);

    /// <summary>Within this time every worker that is alive has found Redis again and renewed its leases; a client may take seconds to notice.</summary>
    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(6);

    private int _interruptions;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await SettleAsync(stoppingToken);
                await SweepAsync(stoppingToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
            {
                Log.SweepFailed(logger, exception.GetType().Name, exception.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>
    /// After a step of the clock, or a time without Redis, leases may look lapsed whose owners are alive, and entries may be due at the
    /// wrong time: who is alive is given the time to say so, then every batch is looked at.
    /// </summary>
    internal async Task SettleAsync(CancellationToken cancellationToken)
    {
        await clock.ReadAsync();
        while (_interruptions != clock.Interruptions)
        {
            _interruptions = clock.Interruptions;
            Log.Interrupted(logger, Renewal.TotalSeconds);
            await Task.Delay(Renewal, time, cancellationToken);
            await clock.ReadAsync();
            foreach (var batchId in await schedule.AllAsync())
            {
                await schedule.SetAsync(batchId, TimeSpan.Zero);
            }
        }
    }

    /// <summary>Visits every batch that is due now.</summary>
    internal async Task SweepAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<Guid> due;
        do
        {
            due = await schedule.ClaimAsync(MostAtOnce, Patience);
            await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = VisitsAtOnce, CancellationToken = cancellationToken }, VisitAsync);
        }
        while (due.Count == MostAtOnce);
    }

    /// <summary>One batch that cannot be visited must not keep the others from their visit; its entry is due again by itself.</summary>
    private async ValueTask VisitAsync(Guid batchId, CancellationToken cancellationToken)
    {
        // A confirm of the broker can be lost with its connection, and whoever waits for it waits for ever.
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bounded.CancelAfter(LongestVisit);
        try
        {
            await visit.RunAsync(batchId, bounded.Token);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            Log.VisitFailed(logger, BatchId.Format(batchId), exception);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Redis was away for a while, or its clock was set; in {Pause} s every batch is looked at")]
        public static partial void Interrupted(ILogger logger, double pause);

        [LoggerMessage(LogLevel.Warning, "The schedule could not be read ({Error}: {Message}); trying again")]
        public static partial void SweepFailed(ILogger logger, string error, string message);

        [LoggerMessage(LogLevel.Error, "{BatchId} could not be visited; it is tried again")]
        public static partial void VisitFailed(ILogger logger, string batchId, Exception exception);
    }
}
