using BatchBus.Contracts;
using BatchBus.Storage;
using BatchBus.Storage.Pages;
using BatchBus.Worker.Leases;
using MassTransit;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace BatchBus.Worker.Execution;

/// <summary>
/// Takes pages from a model's queue: waits for room, leases the page, and hands it over. The message is acknowledged once the lease
/// is held: from then on the lease, not the broker, says whose the page is, and the sweeper finds it should it lapse.
/// </summary>
internal sealed partial class ExecuteRequestsConsumer(
    ModelWorkers workers, PageExecutor executor, HeldPages held, PageStore pages, IOptions<WorkerOptions> options, TimeProvider time, ILogger<ExecuteRequestsConsumer> logger)
    : IConsumer<ExecuteRequests>
{
    public async Task Consume(ConsumeContext<ExecuteRequests> context)
    {
        var message = context.Message;
        var page = new Page(message.BatchId, message.Lane, message.From, message.Count);
        var worker = workers[message.Model];
        await worker.AdmitAsync(page.Count, context.CancellationToken);
        var handedOver = false;
        try
        {
            var askedAt = time.GetTimestamp();
            var lease = await pages.LeaseAsync(page, held.Owner, options.Value.Lease);
            switch (lease.Status)
            {
                case PageLeaseStatus.Leased:
                    var heldPage = new HeldPage(message, time) { BatchTrace = context.Headers.Get<string>(Telemetry.BatchTraceHeader) };
                    heldPage.Renewed(askedAt, options.Value.Lease);
                    handedOver = await executor.TryStartAsync(heldPage, lease, worker);
                    break;
                case PageLeaseStatus.Finished:
                    await executor.ReportAsync(page, message.Model, context.CancellationToken);
                    break;
                case PageLeaseStatus.Canceling or PageLeaseStatus.Closed:
                    await executor.AbandonAsync(page, worker, context.CancellationToken);
                    goto default;
                default:
                    Log.NotLeased(logger, BatchId.Format(page.BatchId), page.Name, lease.Status);
                    break;
            }
        }
        finally
        {
            if (!handedOver)
            {
                worker.Leave(page.Count);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "{BatchId}: page {Page} is not executed here: {Status}")]
        public static partial void NotLeased(ILogger logger, string batchId, string page, PageLeaseStatus status);
    }
}
