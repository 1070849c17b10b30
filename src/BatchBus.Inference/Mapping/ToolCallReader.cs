using System.Text.Json;

namespace BatchBus.Inference.Mapping;

/// <summary>Reads the calls of tools out of a chat completion's message.</summary>
internal static class ToolCallReader
{
    // What is written into the message has to leave readers of the whole result some of the usual 64 levels.
    private static readonly JsonDocumentOptions Depth = new() { MaxDepth = 48 };

    /// <summary>Whether there is at least one call, good or bad.</summary>
    public static bool HasCalls(JsonElement message, out JsonElement calls) =>
        message.TryGetProperty("tool_calls"u8, out calls) && calls.ValueKind == JsonValueKind.Array && calls.GetArrayLength() > 0;

    /// <summary>The calls that can be used; null if one cannot and <paramref name="wasCut"/> does not excuse it.</summary>
    /// <param name="calls">The model's calls.</param>
    /// <param name="request">The request that is answered.</param>
    /// <param name="wasCut">Whether the answer ended at its limit, which leaves the arguments of its last call unfinished.</param>
    public static List<(string Id, string Name, JsonElement Input)>? Read(JsonElement calls, ChatRequest request, bool wasCut)
    {
        var usable = new List<(string, string, JsonElement)>();
        foreach (var call in calls.EnumerateArray())
        {
            if (ReadCall(call) is { } good)
            {
                usable.Add((request.ToolIds.ForCaller(call.TextOf("id"u8)), good.Name, good.Input));
            }
            else if (!wasCut)
            {
                return null;
            }

            if (request.AllowsOneCallOnly)
            {
                break;
            }
        }

        return usable;
    }

    private static (string Name, JsonElement Input)? ReadCall(JsonElement call)
    {
        if (call.ValueKind != JsonValueKind.Object || !call.TryGetProperty("function"u8, out var function)
            || function.TextOf("name"u8) is not { Length: > 0 } name)
        {
            return null;
        }

        var arguments = function.TextOf("arguments"u8);
        if (string.IsNullOrWhiteSpace(arguments))
        {
            // A call without input comes as an empty text or none; anything but text is no call.
            var isAbsent = !function.TryGetProperty("arguments"u8, out var given) || given.ValueKind is JsonValueKind.Null or JsonValueKind.String;
            return isAbsent ? (name, JsonElement.Parse("{}")) : null;
        }

        try
        {
            var input = JsonElement.Parse(arguments, Depth);
            return input.ValueKind == JsonValueKind.Object ? (name, input) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
