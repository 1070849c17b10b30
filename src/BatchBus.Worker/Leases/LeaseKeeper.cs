using BatchBus.Contracts;
using BatchBus.Storage.Fleet;
using BatchBus.Storage.Pages;
using BatchBus.Worker.Execution;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace BatchBus.Worker.Leases;

/// <summary>Renews this worker's leases well before they end, and says that it is alive.</summary>
internal sealed partial class LeaseKeeper(
    HeldPages held, PageStore pages, FleetStore fleet, ModelWorkers workers, IOptions<WorkerOptions> options, TimeProvider time, ILogger<LeaseKeeper> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.Lease / 3, time);
        var isFailing = false;
        do
        {
            try
            {
                await Task.WhenAll(workers.All.Select(worker => fleet.ReportWorkerAsync(worker.Model, held.Owner, worker.Slots)));
                await Task.WhenAll(held.All.GroupBy(page => page.Page.BatchId).Select(RenewAsync));
                isFailing = false;
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                if (!isFailing)
                {
                    Log.RenewalFailed(logger, exception.GetType().Name, exception.Message);
                }

                isFailing = true;
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await Task.WhenAll(workers.All.Select(worker => fleet.RemoveWorkerAsync(worker.Model, held.Owner)))
            .WaitAsync(cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task RenewAsync(IGrouping<Guid, HeldPage> batch)
    {
        var leased = batch.ToList();
        var askedAt = time.GetTimestamp();
        var renewal = await pages.RenewAsync(batch.Key, [.. leased.Select(page => page.Page)], held.Owner, options.Value.Lease);
        for (var i = 0; i < leased.Count; i++)
        {
            if (!renewal.Open)
            {
                leased[i].Withdraw(HeldPageState.BatchStopped);
            }
            else if (renewal.Renewed[i])
            {
                leased[i].Renewed(askedAt, options.Value.Lease);
            }
            else
            {
                // A page of which nothing is left was reported a moment ago, which is no loss.
                if (renewal.TakenOver[i])
                {
                    Log.LeaseLost(logger, BatchId.Format(batch.Key), leased[i].Page.Name);
                }

                leased[i].Withdraw(HeldPageState.Lost);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Leases could not be renewed ({Error}: {Message}); no call is started until they are")]
        public static partial void RenewalFailed(ILogger logger, string error, string message);

        [LoggerMessage(LogLevel.Warning, "{BatchId}: the lease of page {Page} lapsed, and another took it over; what has no result yet is answered there")]
        public static partial void LeaseLost(ILogger logger, string batchId, string page);
    }
}
