using System.Buffers;
using System.Text.Json;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Requests;

namespace BatchBus.Storage.Results;

/// <summary>Writes lines of the results file: <c>{"custom_id":…,"result":{"type":…}}</c> and a line feed.</summary>
public static class ResultLine
{
    /// <summary>A request that the model answered.</summary>
    /// <param name="customId">The caller's name for it.</param>
    /// <param name="message">The message object, UTF-8 JSON without line breaks.</param>
    public static ReadOnlyMemory<byte> Succeeded(string customId, ReadOnlySpan<byte> message)
    {
        var name = JsonEncodedText.Encode(customId).EncodedUtf8Bytes;
        byte[] line = [.. "{\"custom_id\":\""u8, .. name, .. "\",\"result\":{\"type\":\"succeeded\",\"message\":"u8, .. message, .. "}}\n"u8];
        return line;
    }

    /// <summary>A request that ended with an error.</summary>
    /// <param name="customId">The caller's name for it.</param>
    /// <param name="errorType">The documented <c>error.type</c>.</param>
    /// <param name="message">The field and the remedy.</param>
    /// <param name="requestId">An id that appears in the log too.</param>
    public static ReadOnlyMemory<byte> Errored(string customId, string errorType, string message, string requestId)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = Begin(buffer, customId, "errored"))
        {
            json.WriteStartObject("error");
            json.WriteString("type", "error");
            json.WriteStartObject("error");
            json.WriteString("type", errorType);
            json.WriteString("message", message);
            json.WriteEndObject();
            json.WriteString("request_id", requestId);
            json.WriteEndObject();
            End(json);
        }

        return Terminated(buffer);
    }

    /// <summary>Reads the error of a line that <see cref="Errored"/> has written.</summary>
    internal static (string Type, string Message) ReadError(ReadOnlyMemory<byte> line)
    {
        using var document = JsonDocument.Parse(line);
        var error = document.RootElement.GetProperty("result").GetProperty("error").GetProperty("error");
        return (error.GetProperty("type").GetString()!, error.GetProperty("message").GetString()!);
    }

    /// <summary>A request that was never executed: unroutable, canceled or expired.</summary>
    internal static ReadOnlyMemory<byte> Unexecuted(BatchRecord record, Lane lane, StoredRequest request)
    {
        if (lane.Model is null)
        {
            return Errored(request.CustomId, "not_found_error", request.Failure, $"req_{BatchId.Format(record.BatchId)[9..]}_{request.Index}");
        }

        var buffer = new ArrayBufferWriter<byte>(128);
        using (var json = Begin(buffer, request.CustomId, record.Reason is BatchEndReason.Canceled ? "canceled" : "expired"))
        {
            End(json);
        }

        return Terminated(buffer);
    }

    private static Utf8JsonWriter Begin(ArrayBufferWriter<byte> buffer, string customId, string type)
    {
        var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true });
        json.WriteStartObject();
        json.WriteString("custom_id", customId);
        json.WriteStartObject("result");
        json.WriteString("type", type);
        return json;
    }

    private static void End(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static ReadOnlyMemory<byte> Terminated(ArrayBufferWriter<byte> buffer)
    {
        buffer.Write("\n"u8);
        return buffer.WrittenMemory;
    }
}
