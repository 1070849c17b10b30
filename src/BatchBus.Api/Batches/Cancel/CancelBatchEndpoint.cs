using BatchBus.Api.Batches.Read;
using BatchBus.Api.Errors;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using MassTransit;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace BatchBus.Api.Batches.Cancel;

/// <summary>
/// <c>POST /v1/messages/batches/{id}/cancel</c>. The cancel is in the record before the answer, so it holds whether or not the message
/// that hurries it along arrives.
/// </summary>
internal sealed partial class CancelBatchEndpoint(BatchStore batches, BatchResponse response, IBus bus, TimeProvider time, ILogger<CancelBatchEndpoint> logger)
{
    private static readonly TimeSpan MessagePatience = TimeSpan.FromSeconds(2);

    public async Task HandleAsync(HttpContext context, string id)
    {
        var record = await response.FindAsync(context, id);
        if (!await batches.CancelAsync(record.BatchId))
        {
            throw ApiException.InvalidRequest($"{id} has already ended and cannot be canceled. Its results are there.");
        }

        await HurryAsync(record.BatchId);
        await response.WriteAsync(context, await response.FindAsync(context, id));
    }

    private async Task HurryAsync(Guid batchId)
    {
        using var patience = new CancellationTokenSource(MessagePatience, time);
        try
        {
            await bus.Publish(new CancelBatch { BatchId = batchId }, patience.Token).WaitAsync(patience.Token);
        }
        catch (Exception error)
        {
            // The sweeper finds the cancel in the record.
            Log.NotHurried(logger, BatchId.Format(batchId), error.GetType().Name, error.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{BatchId}: the cancel is recorded but could not be published ({Error}: {Message}); the sweeper sees to it")]
        public static partial void NotHurried(ILogger logger, string batchId, string error, string message);
    }
}
