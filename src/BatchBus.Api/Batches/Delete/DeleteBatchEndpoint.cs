using System.Text.Json;
using BatchBus.Api.Batches.Read;
using BatchBus.Api.Errors;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Fleet;
using BatchBus.Storage.Usage;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Batches.Delete;

/// <summary><c>DELETE /v1/messages/batches/{id}</c>: everything of an ended batch.</summary>
internal sealed class DeleteBatchEndpoint(BatchStore batches, FleetStore fleet, UsageLedger usage, BatchResponse response)
{
    public async Task HandleAsync(HttpContext context, string id)
    {
        var record = await response.FindAsync(context, id);
        if (record.ClosedAt is null)
        {
            throw ApiException.InvalidRequest($"{id} has not ended yet and cannot be deleted. Cancel it first, and wait until processing_status is \"ended\".");
        }

        // Its saga may not have come to either yet, and will not when the batch is gone.
        await usage.RecordAsync(record);
        await fleet.RemoveBatchAsync(record.Lanes.Select(lane => lane.Model).OfType<string>(), record.BatchId);
        await batches.DeleteAsync(record);
        context.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteString("id", BatchId.Format(record.BatchId));
        json.WriteString("type", "message_batch_deleted");
        json.WriteEndObject();
    }
}
