using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;
using BatchBus.Inference.Catalog;

namespace BatchBus.Inference.Mapping;

/// <summary>
/// Reads a request's <c>params</c>, the body of a non-streaming <c>POST /v1/messages</c>, and refuses what the API or the model would
/// refuse. The first problem in document order is reported, in the API's wording, then missing fields and fields that exclude each other.
/// </summary>
/// <remarks>
/// Accepted without effect: <c>model</c> (routing has used it), <c>service_tier</c>, <c>cache_control</c>, <c>inference_geo</c>,
/// <c>diagnostics</c>, <c>output_config.effort</c>, <c>thinking</c> of type adaptive (the model thinks as it is used to), and fields that ask
/// for nothing: empty <c>mcp_servers</c>, <c>speed</c> standard, null <c>container</c> and <c>context_management</c>.
/// </remarks>
internal static class MessagesParamsReader
{
    private const int LongestUserId = 512;

    public static bool TryRead(
        ReadOnlyMemory<byte> parameters,
        CatalogModel model,
        [NotNullWhen(true)] out ChatRequest? request,
        [NotNullWhen(false)] out InferenceOutcome.Refused? refusal)
    {
        request = new ChatRequest();
        var problem = Read(parameters, model, request);
        refusal = problem is null ? null : new InferenceOutcome.Refused("invalid_request_error", problem);
        return problem is null;
    }

    // Every Read method returns what is wrong, or null.
    private static string? Read(ReadOnlyMemory<byte> parameters, CatalogModel model, ChatRequest request)
    {
        if (!Utf8.IsValid(parameters.Span))
        {
            return "params: Input should be valid UTF-8";
        }

        try
        {
            using var document = JsonDocument.Parse(parameters);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? ReadParams(document.RootElement, model, request)
                : "params: Input should be an object";
        }
        catch (JsonException)
        {
            return "params: Input should be valid JSON, nested at most 64 levels deep";
        }
        catch (InvalidOperationException)
        {
            // Texts are read with care for this below; names, schemas and short values are not worth it.
            return Fields.LoneSurrogate("params");
        }
    }

    private static string? ReadParams(JsonElement parameters, CatalogModel model, ChatRequest request)
    {
        var (hasMaxTokens, hasMessages) = (false, false);
        foreach (var field in parameters.EnumerateObject())
        {
            hasMaxTokens |= field.NameEquals("max_tokens"u8);
            hasMessages |= field.NameEquals("messages"u8);
            if (ReadField(field, model, request) is { } problem)
            {
                return problem;
            }
        }

        return (hasMaxTokens, hasMessages) switch
        {
            (_, false) => "messages: Field required",
            (false, _) => "max_tokens: Field required",
            _ when request.MaxTokens > model.MaxContextTokens =>
                $"max_tokens: {request.MaxTokens} is more than the {model.MaxContextTokens} tokens that {model.Name} has for prompt and answer together; ask for fewer",
            _ => CheckTogether(request),
        };
    }

    private static string? ReadField(JsonProperty field, CatalogModel model, ChatRequest request)
    {
        var value = field.Value;
        return field.Name switch
        {
            "messages" => ConversationReader.Read(value, model, request),
            "max_tokens" => SamplingReader.ReadMaxTokens(value, request),
            "system" => ReadSystem(value, request),
            "temperature" => SamplingReader.ReadTemperature(value, request),
            "top_p" => SamplingReader.ReadTopP(value, request),
            "top_k" => SamplingReader.ReadTopK(value, request),
            "stop_sequences" => SamplingReader.ReadStopSequences(value, request, model.MaxStopSequences),
            "tools" => ToolReader.ReadTools(value, request),
            "tool_choice" => ToolReader.ReadChoice(value, request),
            "thinking" => ReadThinking(value, request),
            "output_config" => value.ValueKind == JsonValueKind.Object
                ? value.TryGetProperty("format"u8, out var format) ? ReadFormat(format, "output_config.format", request) : null
                : "output_config: Input should be an object",
            "output_format" => ReadFormat(value, "output_format", request),
            "metadata" => ReadMetadata(value, request),
            var name => CheckFieldWithoutEffect(name, value),
        };
    }

    private static string? CheckFieldWithoutEffect(string name, JsonElement value) => name switch
    {
        "stream" => value.ValueKind switch
        {
            JsonValueKind.False => null,
            JsonValueKind.True => "stream: Streaming is not supported in a batch; leave it out",
            _ => "stream: Input should be a valid boolean",
        },
        "model" or "service_tier" => value.ValueKind == JsonValueKind.String ? null : $"{name}: Input should be a valid string",
        "cache_control" or "diagnostics" => value.ValueKind is JsonValueKind.Object or JsonValueKind.Null ? null : $"{name}: Input should be an object",
        "inference_geo" => value.ValueKind is JsonValueKind.String or JsonValueKind.Null ? null : "inference_geo: Input should be a valid string",
        "mcp_servers" => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0
            ? null
            : "mcp_servers: MCP servers are not supported by this server; leave it out",
        "container" or "context_management" => value.ValueKind == JsonValueKind.Null ? null : $"{name}: Not supported by this server; leave it out",
        "speed" => value.ValueKind == JsonValueKind.Null || Fields.IsString(value, "standard"u8) ? null : "speed: Not supported in a batch; leave it out",
        _ => Fields.Extra(Fields.Echo(name)),
    };

    private static string? ReadSystem(JsonElement value, ChatRequest request)
    {
        var problem = ContentReader.ReadSystem(value, out var text);
        request.System = text.Length == 0 ? null : text;
        return problem;
    }

    private static string? ReadThinking(JsonElement value, ChatRequest request)
    {
        string? display = null;
        if ((Fields.Type(value, "thinking", out var type) ?? Fields.OptionalText(value, "display", "thinking", out display)) is { } problem)
        {
            return problem;
        }

        request.ShowsThinking = type != "disabled" && display != "omitted";
        return type is "disabled" or "adaptive" ? null : "thinking: Extended thinking on demand is not supported by this model; leave it out";
    }

    private static string? ReadFormat(JsonElement value, string path, ChatRequest request)
    {
        if (value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if ((Fields.Type(value, path, out var type)
            ?? (type == "json_schema" ? Fields.OnlyThese(value, path, "type", "schema") : $"{path}.type: Input should be 'json_schema'")) is { } problem)
        {
            return problem;
        }

        if (!value.TryGetProperty("schema"u8, out var schema))
        {
            return $"{path}.schema: Field required";
        }

        request.OutputSchema = Fields.Compact(schema);
        return schema.ValueKind == JsonValueKind.Object ? null : $"{path}.schema: Input should be an object";
    }

    private static string? ReadMetadata(JsonElement value, ChatRequest request)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            return "metadata: Input should be an object";
        }

        var problem = Fields.OptionalText(value, "user_id", "metadata", out var user);
        request.User = user;
        return problem ?? (user?.Length > LongestUserId ? $"metadata.user_id: String should have at most {LongestUserId} characters" : null);
    }

    private static bool HasTool(ChatRequest request, string name) => request.Tools.Any(tool => tool.Name == name);

    /// <summary>What no field alone can tell.</summary>
    private static string? CheckTogether(ChatRequest request)
    {
        if (request.ForcedTool is { } forced && !HasTool(request, forced))
        {
            return $"tool_choice.name: Tool '{Fields.Echo(forced)}' is not among the tools; name one of them";
        }

        var mustCall = request.ForcedTool is not null || request.ToolChoice == "required";
        return mustCall switch
        {
            true when request.Tools.Count == 0 => "tool_choice: 'any' may only be specified while providing tools",
            true when request.OutputSchema is not null =>
                "output_config.format: Cannot be combined with a tool_choice of type 'any' or 'tool'; leave one of them out",
            _ when !request.ContinuesLastTurn => null,
            true =>
                "messages: A final assistant message cannot be continued with a tool_choice of type 'any' or 'tool'; end with a user message",
            _ when request.OutputSchema is not null =>
                "messages: A final assistant message cannot be continued with output_config.format; end with a user message",
            _ => null,
        };
    }
}
