using System.Globalization;
using System.Text.Json;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;

namespace BatchBus.Webhooks;

/// <summary>The batch object as HTTP clients and receivers of webhooks see it: every nullable field explicit, counts in <c>processing</c> until the batch has ended.</summary>
public static class BatchObject
{
    /// <summary>Writes a batch.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="record">The batch.</param>
    /// <param name="baseUrl">What <c>results_url</c> begins with, without a slash at its end.</param>
    public static void Write(Utf8JsonWriter json, BatchRecord record, string baseUrl)
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
            json.WriteString("results_url", $"{baseUrl}/v1/messages/batches/{id}/results");
        }
        else
        {
            json.WriteNull("results_url");
        }

        json.WriteEndObject();
    }

    internal static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? time)
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
