using BatchBus.Storage.Pages;
using BatchBus.Storage.Schedule;
using Microsoft.Extensions.Hosting;

namespace BatchBus.Host.Embedded;

/// <summary>
/// At the start of the embedded mode nobody else can be alive: leases of the process before are void, and every batch is looked at
/// at once.
/// </summary>
internal sealed class EmbeddedRecovery(BatchSchedule schedule, PageStore pages) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var batchId in await schedule.AllAsync())
        {
            await pages.LapseAllAsync(batchId);
            await schedule.SetAsync(batchId, TimeSpan.Zero);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
