using System.Text.Json;
using BatchBus.Api.Batches.Read;
using BatchBus.Api.Errors;
using BatchBus.Api.Keys;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Batches.List;

/// <summary><c>GET /v1/messages/batches</c>: newest first, by cursors that are batch ids.</summary>
internal sealed class ListBatchesEndpoint(BatchStore batches, BatchResponse response)
{
    private const int DefaultLimit = 20;
    private const int MaxLimit = 1000;

    public async Task HandleAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var list = await batches.ListAsync(context.Workspace(), Cursor(query, "after_id"), Cursor(query, "before_id"), PageLimit.Read(query, DefaultLimit, MaxLimit));
        context.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteStartArray("data");
        foreach (var record in list.Batches)
        {
            response.Write(json, context, record);
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more", list.HasMore);
        WriteId(json, "first_id", list.Batches.Count > 0 ? list.Batches[0] : null);
        WriteId(json, "last_id", list.Batches.Count > 0 ? list.Batches[^1] : null);
        json.WriteEndObject();
    }

    private static void WriteId(Utf8JsonWriter json, string name, BatchRecord? record)
        => json.WriteString(name, record is null ? null : BatchId.Format(record.BatchId));

    /// <summary>A cursor is a place in the order, so it may be the id of a batch that has been deleted since.</summary>
    private static Guid? Cursor(IQueryCollection query, string name)
    {
        string? text = query[name];
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        return BatchId.TryParse(text, out var batchId)
            ? batchId
            : throw ApiException.InvalidRequest($"{name}: not the id of a message batch. Take first_id or last_id of an earlier page.");
    }
}
