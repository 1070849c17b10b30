using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;
using BatchBus.Inference.Errors;

namespace BatchBus.Inference.Mapping;

/// <summary>
/// Reads a request's <c>params</c>, the body of a non-streaming <c>POST /v1/messages</c>, and refuses what the API or a text model would
/// refuse. The first problem in document order is reported, in the API's wording, missing fields last.
/// </summary>
/// <remarks>
/// Accepted without effect: <c>model</c> (routing has used it), <c>metadata</c>, <c>service_tier</c>, <c>cache_control</c>,
/// <c>inference_geo</c>, <c>diagnostics</c>, <c>output_config.effort</c>, and fields that ask for nothing: <c>thinking</c> of type
/// disabled, empty <c>tools</c> and <c>mcp_servers</c>, <c>tool_choice</c> of type auto or none, <c>speed</c> standard, null
/// <c>container</c> and <c>context_management</c>.
/// </remarks>
internal static class MessagesParamsReader
{
    private const int MostMessages = 100_000;
    private const int LongestEchoedName = 100;

    public static bool TryRead(
        ReadOnlyMemory<byte> parameters,
        [NotNullWhen(true)] out ChatRequest? request,
        [NotNullWhen(false)] out InferenceOutcome.Refused? refusal)
    {
        request = new ChatRequest();
        var problem = Read(parameters, request);
        refusal = problem is null ? null : new InferenceOutcome.Refused("invalid_request_error", problem);
        return problem is null;
    }

    // Every Read method returns what is wrong, or null.
    private static string? Read(ReadOnlyMemory<byte> parameters, ChatRequest request)
    {
        if (!Utf8.IsValid(parameters.Span))
        {
            return "params: Input should be valid UTF-8";
        }

        try
        {
            using var document = JsonDocument.Parse(parameters);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? ReadParams(document.RootElement, request)
                : "params: Input should be an object";
        }
        catch (JsonException)
        {
            return "params: Input should be valid JSON, nested at most 64 levels deep";
        }
        catch (InvalidOperationException)
        {
            // Texts are read with care for this below; names and short values are not worth it.
            return LoneSurrogate("params");
        }
    }

    private static string? ReadParams(JsonElement parameters, ChatRequest request)
    {
        var (hasMaxTokens, hasMessages) = (false, false);
        foreach (var field in parameters.EnumerateObject())
        {
            hasMaxTokens |= field.NameEquals("max_tokens"u8);
            hasMessages |= field.NameEquals("messages"u8);
            if (ReadField(field, request) is { } problem)
            {
                return problem;
            }
        }

        return (hasMaxTokens, hasMessages) switch
        {
            (_, false) => "messages: Field required",
            (false, _) => "max_tokens: Field required",
            _ => null,
        };
    }

    private static string? ReadField(JsonProperty field, ChatRequest request)
    {
        var (name, value) = (field.Name, field.Value);
        switch (name)
        {
            case "messages":
                return ReadMessages(value, request);
            case "max_tokens":
                if (ReadInteger(value, 1, "max_tokens", out var maxTokens) is { } badMaxTokens)
                {
                    return badMaxTokens;
                }

                request.MaxTokens = maxTokens;
                return null;
            case "system":
                return ReadSystem(value, request);
            case "temperature":
                if (ReadFraction(value, "temperature", out var temperature) is { } badTemperature)
                {
                    return badTemperature;
                }

                request.Temperature = temperature;
                return null;
            case "top_p":
                if (ReadFraction(value, "top_p", out var topP) is { } badTopP)
                {
                    return badTopP;
                }

                request.TopP = topP;
                return null;
            case "top_k":
                if (ReadInteger(value, 0, "top_k", out var topK) is { } badTopK)
                {
                    return badTopK;
                }

                request.TopK = topK;
                return null;
            case "stop_sequences":
                return ReadStopSequences(value, request);
            default:
                return CheckFieldWithoutEffect(name, value);
        }
    }

    private static string? CheckFieldWithoutEffect(string name, JsonElement value)
    {
        return name switch
        {
            "stream" => value.ValueKind switch
            {
                JsonValueKind.False => null,
                JsonValueKind.True => "stream: Streaming is not supported in a batch",
                _ => "stream: Input should be a valid boolean",
            },
            "model" or "service_tier" => value.ValueKind == JsonValueKind.String ? null : $"{name}: Input should be a valid string",
            "metadata" => value.ValueKind == JsonValueKind.Object ? null : "metadata: Input should be an object",
            "cache_control" or "diagnostics" => IsObjectOrNull(value) ? null : $"{name}: Input should be an object",
            "inference_geo" => value.ValueKind is JsonValueKind.String or JsonValueKind.Null ? null : "inference_geo: Input should be a valid string",
            "thinking" => IsObjectOfType(value, "disabled"u8) ? null : "thinking: Extended thinking is not supported by this model; leave it out",
            "tools" => IsEmptyArray(value) ? null : "tools: Tool use is not supported by this server; leave it out",
            "tool_choice" => IsObjectOfType(value, "auto"u8) || IsObjectOfType(value, "none"u8) ? null : "tool_choice: Tool use is not supported by this server; leave it out",
            "output_config" => CheckOutputConfig(value),
            "mcp_servers" => IsEmptyArray(value) ? null : "mcp_servers: MCP servers are not supported by this server; leave it out",
            "container" or "context_management" => value.ValueKind == JsonValueKind.Null ? null : $"{name}: Not supported by this server; leave it out",
            "speed" => value.ValueKind == JsonValueKind.Null || IsString(value, "standard"u8) ? null : "speed: Not supported in a batch; leave it out",
            _ => $"{Excerpt.Of(name, LongestEchoedName)}: Extra inputs are not permitted",
        };
    }

    private static string? CheckOutputConfig(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            return "output_config: Input should be an object";
        }

        return value.TryGetProperty("format"u8, out var format) && format.ValueKind != JsonValueKind.Null
            ? "output_config.format: Structured output is not supported by this server; leave it out"
            : null;
    }

    private static string? ReadSystem(JsonElement value, ChatRequest request)
    {
        if (ReadText(value, "system", "\n", out var text) is { } problem)
        {
            return problem;
        }

        request.System = text.Length == 0 ? null : text;
        return null;
    }

    private static string? ReadMessages(JsonElement value, ChatRequest request)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            return "messages: Input should be a valid list";
        }

        var count = value.GetArrayLength();
        switch (count)
        {
            case 0:
                return "messages: at least one message is required";
            case > MostMessages:
                return $"messages: List should have at most {MostMessages} items after validation, not {count}";
        }

        request.Turns = new List<ChatTurn>(count);
        var index = 0;
        foreach (var message in value.EnumerateArray())
        {
            if (ReadMessage(message, index, isLast: index == count - 1, request.Turns) is { } problem)
            {
                return problem;
            }

            index++;
        }

        MergeRepeatedRoles(request);
        return null;
    }

    private static string? ReadMessage(JsonElement message, int index, bool isLast, List<ChatTurn> turns)
    {
        var path = $"messages.{index}";
        if (message.ValueKind != JsonValueKind.Object)
        {
            return $"{path}: Input should be an object";
        }

        JsonElement? role = null, content = null;
        foreach (var field in message.EnumerateObject())
        {
            switch (field.Name)
            {
                case "role":
                    role = field.Value;
                    break;
                case "content":
                    content = field.Value;
                    break;
                case var other:
                    return $"{path}.{Excerpt.Of(other, LongestEchoedName)}: Extra inputs are not permitted";
            }
        }

        if (ReadRole(role, path, out var side) is { } badRole)
        {
            return badRole;
        }

        if (content is not { } given)
        {
            return $"{path}.content: Field required";
        }

        if (ReadText(given, $"{path}.content", Separator(side), out var text) is { } badContent)
        {
            return badContent;
        }

        if (index == 0 && side == ChatRole.Assistant)
        {
            return "messages: first message must use the \"user\" role";
        }

        switch (isLast && side == ChatRole.Assistant, text.Length)
        {
            case (true, 0):
                return null;
            case (false, 0):
                return $"{path}: all messages must have non-empty content except for the optional final assistant message";
            case (true, _) when char.IsWhiteSpace(text[^1]):
                return "messages: final assistant content cannot end with trailing whitespace";
            default:
                turns.Add(new ChatTurn(side, text));
                return null;
        }
    }

    private static string? ReadRole(JsonElement? role, string path, out ChatRole side)
    {
        side = ChatRole.User;
        switch (role)
        {
            case null:
                return $"{path}.role: Field required";
            case { } value when IsString(value, "user"u8):
                return null;
            case { } value when IsString(value, "assistant"u8):
                side = ChatRole.Assistant;
                return null;
            case { } value when IsString(value, "system"u8):
                return $"{path}.role: System messages inside the conversation are not supported by this model; use the top-level \"system\" field";
            default:
                return $"{path}.role: Input should be 'user' or 'assistant'";
        }
    }

    /// <summary>Models' chat templates demand that the sides alternate, while the API lets one side speak twice.</summary>
    private static void MergeRepeatedRoles(ChatRequest request)
    {
        var turns = request.Turns;
        if (!Enumerable.Range(1, turns.Count - 1).Any(i => turns[i].Role == turns[i - 1].Role))
        {
            return;
        }

        var merged = new List<ChatTurn>(turns.Count);
        for (var first = 0; first < turns.Count;)
        {
            var role = turns[first].Role;
            var run = turns.Skip(first).TakeWhile(turn => turn.Role == role).Select(turn => turn.Text).ToList();
            merged.Add(new ChatTurn(role, string.Join(Separator(role), run)));
            first += run.Count;
        }

        request.Turns = merged;
    }

    // What a model wrote is continued without a seam; what it was given reads as paragraphs.
    private static string Separator(ChatRole role) => role == ChatRole.User ? "\n" : "";

    /// <summary>Reads a string or a list of text blocks.</summary>
    private static string? ReadText(JsonElement value, string path, string separator, out string text)
    {
        text = "";
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                if (!value.TryGetText(out var whole))
                {
                    return LoneSurrogate(path);
                }

                text = whole;
                return null;
            case JsonValueKind.Array:
                break;
            default:
                return $"{path}: Input should be a valid string or a list of content blocks";
        }

        var parts = new List<string>(value.GetArrayLength());
        foreach (var block in value.EnumerateArray())
        {
            if (ReadTextBlock(block, $"{path}.{parts.Count}", out var part) is { } problem)
            {
                return problem;
            }

            parts.Add(part!);
        }

        text = parts.Count == 1 ? parts[0] : string.Join(separator, parts);
        return null;
    }

    private static string? ReadTextBlock(JsonElement block, string path, out string? text)
    {
        text = null;
        if (block.ValueKind != JsonValueKind.Object)
        {
            return $"{path}: Input should be an object";
        }

        if (!block.TryGetProperty("type"u8, out var type))
        {
            return $"{path}.type: Field required";
        }

        if (!IsString(type, "text"u8))
        {
            return $"{path}.type: {WrongBlockType(type)}";
        }

        JsonElement? content = null;
        foreach (var field in block.EnumerateObject())
        {
            switch (field.Name)
            {
                case "type" or "cache_control" or "citations":
                    break;
                case "text":
                    content = field.Value;
                    break;
                case var other:
                    return $"{path}.{Excerpt.Of(other, LongestEchoedName)}: Extra inputs are not permitted";
            }
        }

        return content switch
        {
            null => $"{path}.text: Field required",
            { ValueKind: not JsonValueKind.String } => $"{path}.text: Input should be a valid string",
            { } value when !value.TryGetText(out text) => LoneSurrogate($"{path}.text"),
            _ when text is null or "" => $"{path}.text: text content blocks must be non-empty",
            _ => null,
        };
    }

    private static string WrongBlockType(JsonElement type)
    {
        if (!type.TryGetText(out var name))
        {
            return "Input should be a valid string";
        }

        return name is "image" or "document" or "search_result" or "thinking" or "redacted_thinking" or "tool_use" or "tool_result"
            or "server_tool_use" or "container_upload"
            ? $"Content blocks of type '{name}' are not supported by this model; send text"
            : $"Input tag '{Excerpt.Of(name, LongestEchoedName)}' found using 'type' does not match any of the expected tags: 'text'";
    }

    private static string? ReadStopSequences(JsonElement value, ChatRequest request)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            return "stop_sequences: Input should be a valid list";
        }

        var sequences = new List<string>(value.GetArrayLength());
        foreach (var element in value.EnumerateArray())
        {
            var path = $"stop_sequences.{sequences.Count}";
            if (element.ValueKind != JsonValueKind.String)
            {
                return $"{path}: Input should be a valid string";
            }

            if (!element.TryGetText(out var sequence))
            {
                return LoneSurrogate(path);
            }

            if (string.IsNullOrWhiteSpace(sequence))
            {
                return $"{path}: each stop sequence must contain non-whitespace";
            }

            sequences.Add(sequence);
        }

        request.StopSequences = sequences;
        return null;
    }

    private static string? ReadInteger(JsonElement value, int least, string path, out int number)
    {
        number = 0;
        if (value.ValueKind != JsonValueKind.Number)
        {
            return $"{path}: Input should be a valid integer";
        }

        if (!value.TryGetInt32(out number))
        {
            // 1024.0 is an integer to the API, 1e99 is not one to anybody.
            var real = value.GetDouble();
            if (real != Math.Truncate(real))
            {
                return $"{path}: Input should be a valid integer, got a number with a fractional part";
            }

            if (Math.Abs(real) > int.MaxValue)
            {
                return $"{path}: Input should be between {least} and {int.MaxValue}";
            }

            number = (int)real;
        }

        return number >= least ? null : $"{path}: Input should be greater than or equal to {least}";
    }

    private static string? ReadFraction(JsonElement value, string path, out double number)
    {
        number = 0;
        if (value.ValueKind != JsonValueKind.Number)
        {
            return $"{path}: Input should be a valid number";
        }

        number = value.GetDouble();
        return number switch
        {
            < 0 => $"{path}: Input should be greater than or equal to 0",
            > 1 => $"{path}: Input should be less than or equal to 1",
            _ => null,
        };
    }

    private static bool IsString(JsonElement value, ReadOnlySpan<byte> text) => value.ValueKind == JsonValueKind.String && value.ValueEquals(text);

    private static bool IsObjectOrNull(JsonElement value) => value.ValueKind is JsonValueKind.Object or JsonValueKind.Null;

    private static bool IsEmptyArray(JsonElement value) => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0;

    private static bool IsObjectOfType(JsonElement value, ReadOnlySpan<byte> type) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type"u8, out var given) && IsString(given, type);

    private static string LoneSurrogate(string path) => $"{path}: Input should be valid text; it holds half of a surrogate pair";
}
