using BatchBus.Storage.Pages;
using BatchBus.Storage.Schedule;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BatchBus.Host.Embedded;

/// <summary>
/// At the start of the embedded mode nobody else can be alive: leases of the process before are void, and every batch is looked at
/// at once.
/// </summary>
internal sealed partial class EmbeddedRecovery(EmbeddedStore store, BatchSchedule schedule, PageStore pages, ILogger<EmbeddedRecovery> logger) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (store.RewriteFailure is { } failure)
        {
            Log.NotRewritten(logger, failure.Message);
        }

        foreach (var batchId in await schedule.AllAsync())
        {
            await pages.LapseAllAsync(batchId);
            await schedule.SetAsync(batchId, TimeSpan.Zero);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The append-only file of the embedded store is large and could not be rewritten ({Error}); what it holds is unharmed. The next start tries again")]
        public static partial void NotRewritten(ILogger logger, string error);
    }
}
