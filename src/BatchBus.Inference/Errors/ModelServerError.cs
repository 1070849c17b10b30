using System.Text.Json;
using BatchBus.Inference.Mapping;

namespace BatchBus.Inference.Errors;

/// <summary>The error object of an OpenAI-compatible server, in any of the shapes that vLLM and the gateways before it have used.</summary>
/// <param name="Code">The HTTP status that the object names, if it does.</param>
/// <param name="Message">The server's words. They may quote the prompt, so they go to the caller only, never into a log.</param>
internal readonly record struct ModelServerError(int? Code, string? Message)
{
    public static bool TryRead(ReadOnlyMemory<byte> body, out ModelServerError error)
    {
        error = default;
        try
        {
            using var document = JsonDocument.Parse(body);
            return TryRead(document.RootElement, out error);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    public static bool TryRead(JsonElement reply, out ModelServerError error)
    {
        error = default;
        if (reply.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        if (reply.TryGetProperty("error"u8, out var inner) && inner.ValueKind is not (JsonValueKind.Null or JsonValueKind.False))
        {
            error = inner.ValueKind == JsonValueKind.Object ? FromObject(inner) : new ModelServerError(CodeOf(reply), TextOf(inner));
            return true;
        }

        var isErrorObject = reply.TryGetProperty("object"u8, out var kind) && kind.ValueKind == JsonValueKind.String && kind.ValueEquals("error"u8);
        if (isErrorObject || (!reply.TryGetProperty("choices"u8, out _) && HasErrorText(reply)))
        {
            error = FromObject(reply);
            return true;
        }

        return false;
    }

    private static bool HasErrorText(JsonElement reply) => reply.TryGetProperty("message"u8, out _) || reply.TryGetProperty("detail"u8, out _);

    private static ModelServerError FromObject(JsonElement source)
    {
        var message = source.TryGetProperty("message"u8, out var text) || source.TryGetProperty("detail"u8, out text) ? TextOf(text) : null;
        return new ModelServerError(CodeOf(source), message);
    }

    private static int? CodeOf(JsonElement source) =>
        source.TryGetProperty("code"u8, out var code) && code.ValueKind == JsonValueKind.Number && code.TryGetInt32(out var status)
        && status is >= 400 and <= 599
            ? status
            : null;

    private static string? TextOf(JsonElement text) =>
        text.ValueKind != JsonValueKind.String ? text.GetRawText() : text.TryGetText(out var words) ? words : null;
}
