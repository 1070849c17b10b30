using System.Globalization;
using System.Text.Json;
using BatchBus.Api.Errors;
using BatchBus.Api.Keys;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Extensions.Options;

namespace BatchBus.Api.Batches.Read;

/// <summary>The batch object as clients see it: every nullable field explicit, counts in <c>processing</c> until the batch has ended.</summary>
internal sealed class BatchResponse(BatchStore batches, IOptions<ApiOptions> options)
{
    /// <summary>Finds the batch of a path; one of another workspace is as good as none.</summary>
    public async Task<BatchRecord> FindAsync(HttpContext context, string id)
    {
        var record = BatchId.TryParse(id, out var batchId) ? await batches.FindAsync(batchId) : null;
        return record is not null && record.Workspace == context.Workspace()
            ? record
            : throw ApiException.NotFound($"There is no message batch with the id \"{(id.Length <= 64 ? id : id[..64] + "…")}\" in this workspace. Check the id and the API key.");
    }

    public async Task WriteAsync(HttpContext context, BatchRecord record)
    {
        context.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        Write(json, context, record);
    }

    /// <summary>Writes the batch object.</summary>
    public void Write(Utf8JsonWriter json, HttpContext context, BatchRecord record)
    {
        var ended = record.ClosedAt is not null;
        var counts = record.FinalCounts;
        var id = BatchId.Format(record.BatchId);
        json.WriteStartObject();
        json.WriteString("id", id);
        json.WriteString("type", "message_batch");
        json.WriteString("processing_status", ended ? "ended" : record.CancelInitiatedAt is null ? "in_progress" : "canceling");
        json.WriteStartObject("request_counts");
        json.WriteNumber("processing", ended ? 0 : record.Total);
        json.WriteNumber("succeeded", ended ? counts.Succeeded : 0);
        json.WriteNumber("errored", ended ? counts.Errored : 0);
        json.WriteNumber("canceled", ended ? counts.Canceled : 0);
        json.WriteNumber("expired", ended ? counts.Expired : 0);
        json.WriteEndObject();
        WriteTime(json, "created_at", record.CreatedAt);
        WriteTime(json, "expires_at", record.ExpiresAt);
        WriteTime(json, "ended_at", record.ClosedAt);
        WriteTime(json, "cancel_initiated_at", record.CancelInitiatedAt);
        WriteTime(json, "archived_at", record.ArchivedAt);
        if (ended && record.ArchivedAt is null)
        {
            json.WriteString("results_url", $"{BaseUrl(context.Request)}/v1/messages/batches/{id}/results");
        }
        else
        {
            json.WriteNull("results_url");
        }

        json.WriteEndObject();
    }

    private string BaseUrl(HttpRequest request)
        => (options.Value.PublicBaseUrl?.AbsoluteUri ?? UriHelper.BuildAbsolute(request.Scheme, request.Host, request.PathBase)).TrimEnd('/');

    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? time)
    {
        if (time is { } moment)
        {
            json.WriteString(name, moment.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture));
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
