using System.Text.Json;
using BatchBus.Inference.Catalog;

namespace BatchBus.Inference.Mapping;

/// <summary>Reads the content of a request's messages, block by block, into a turn. Every method returns what is wrong, or null.</summary>
internal static class ContentReader
{
    /// <summary>Reads the system prompt: text alone, paragraph by paragraph.</summary>
    public static string? ReadSystem(JsonElement value, out string text)
    {
        text = "";
        if (value.ValueKind == JsonValueKind.String)
        {
            return ReadString(value, "system", out text);
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            return "system: Input should be a valid string or a list of content blocks";
        }

        var parts = new List<string>(value.GetArrayLength());
        foreach (var block in value.EnumerateArray())
        {
            var path = $"system.{parts.Count}";
            var part = "";
            if ((Fields.Type(block, path, out var type)
                ?? (type == "text" ? ReadText(block, path, out part) : $"{path}.type: Only text blocks are supported here; send text")) is { } problem)
            {
                return problem;
            }

            parts.Add(part);
        }

        text = string.Join('\n', parts);
        return null;
    }

    /// <summary>Reads a message's content: a string or a list of blocks.</summary>
    /// <param name="value">The content.</param>
    /// <param name="path">Where it stands.</param>
    /// <param name="model">The model that will get it.</param>
    /// <param name="turn">Gets what is read.</param>
    public static string? Read(JsonElement value, string path, CatalogModel model, ChatTurn turn)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                if (ReadString(value, path, out var text) is { } problem)
                {
                    return problem;
                }

                if (text.Length > 0)
                {
                    turn.Parts.Add(new ChatPart(IsImage: false, text));
                }

                return null;
            case JsonValueKind.Array:
                var index = 0;
                foreach (var block in value.EnumerateArray())
                {
                    if (ReadBlock(block, $"{path}.{index++}", model, turn) is { } badBlock)
                    {
                        return badBlock;
                    }
                }

                return null;
            default:
                return $"{path}: Input should be a valid string or a list of content blocks";
        }
    }

    private static string? ReadBlock(JsonElement block, string path, CatalogModel model, ChatTurn turn)
    {
        if (Fields.Type(block, path, out var type) is { } problem)
        {
            return problem;
        }

        return (type, turn.Role) switch
        {
            ("text", _) or ("image" or "document", ChatRole.User) => ReadPart(type, block, path, model, turn.Parts),
            ("tool_result", ChatRole.User) => ReadToolResult(block, path, model, turn),
            ("tool_use", ChatRole.Assistant) => ReadToolUse(block, path, turn),
            ("thinking", ChatRole.Assistant) => CheckThinking(block, path),
            ("redacted_thinking", ChatRole.Assistant) => Fields.Text(block, "data", path, out _) ?? Fields.OnlyThese(block, path, "type", "data"),
            ("image" or "document" or "tool_result", _) => $"{path}.type: Content blocks of type '{type}' belong into a message of the role 'user'",
            ("tool_use" or "thinking" or "redacted_thinking", _) =>
                $"{path}.type: Content blocks of type '{type}' belong into a message of the role 'assistant'",
            _ => WrongType(type, path),
        };
    }

    /// <summary>Reads a block that may also stand inside a tool's result.</summary>
    private static string? ReadPart(string type, JsonElement block, string path, CatalogModel model, List<ChatPart> parts)
    {
        var value = "";
        var problem = type switch
        {
            "text" => ReadText(block, path, out value),
            "image" => ImageReader.Read(block, path, model, out value),
            "document" => ReadDocument(block, path, out value),
            _ => WrongType(type, path),
        };
        parts.Add(new ChatPart(IsImage: type == "image", value));
        return problem;
    }

    private static string? ReadText(JsonElement block, string path, out string text)
    {
        text = "";
        return Fields.OnlyThese(block, path, "type", "text", "cache_control", "citations") ?? Fields.Text(block, "text", path, out text)
            ?? (text.Length > 0 ? null : $"{path}.text: text content blocks must be non-empty");
    }

    /// <summary>Reads a document that is text already; others would have to be taken apart first.</summary>
    private static string? ReadDocument(JsonElement block, string path, out string text)
    {
        text = "";
        string? title = null, context = null;
        if ((Fields.OnlyThese(block, path, "type", "source", "title", "context", "citations", "cache_control")
            ?? Fields.OptionalText(block, "title", path, out title) ?? Fields.OptionalText(block, "context", path, out context)) is { } problem)
        {
            return problem;
        }

        if (block.TryGetProperty("citations"u8, out var citations) && citations.ValueKind == JsonValueKind.Object
            && citations.TryGetProperty("enabled"u8, out var enabled) && enabled.ValueKind == JsonValueKind.True)
        {
            return $"{path}.citations: Citations are not supported by this server; leave them out";
        }

        path = $"{path}.source";
        if (!block.TryGetProperty("source"u8, out var source))
        {
            return $"{path}: Field required";
        }

        if (Fields.Type(source, path, out var type) is { } badSource)
        {
            return badSource;
        }

        if (type != "text")
        {
            return $"{path}.type: Documents of type '{Fields.Echo(type)}' are not supported by this model; send the document's text";
        }

        var data = "";
        var badText = Fields.OnlyThese(source, path, "type", "media_type", "data") ?? Fields.Text(source, "data", path, out data);
        text = string.Join('\n', new[] { title, context, data }.Where(part => !string.IsNullOrEmpty(part)));
        return badText ?? (data.Length > 0 ? null : $"{path}.data: Input should be non-empty");
    }

    private static string? ReadToolResult(JsonElement block, string path, CatalogModel model, ChatTurn turn)
    {
        var (id, isError) = ("", false);
        if ((Fields.OnlyThese(block, path, "type", "tool_use_id", "content", "is_error", "cache_control")
            ?? Fields.Text(block, "tool_use_id", path, out id) ?? Fields.Flag(block, "is_error", path, out isError)) is { } problem)
        {
            return problem;
        }

        var parts = new List<ChatPart>();
        if (block.TryGetProperty("content"u8, out var content) && ReadResultContent(content, $"{path}.content", model, parts) is { } badContent)
        {
            return badContent;
        }

        // The protocol's tool messages hold text only, so what a tool shows is shown by the user.
        turn.Parts.AddRange(parts.Where(part => part.IsImage));
        var text = string.Join('\n', parts.Where(part => !part.IsImage).Select(part => part.Value));
        turn.Results.Add(new ChatToolResult(id, isError ? $"Error: {text}" : text, path));
        return null;
    }

    private static string? ReadResultContent(JsonElement content, string path, CatalogModel model, List<ChatPart> parts)
    {
        switch (content.ValueKind)
        {
            case JsonValueKind.Null:
                return null;
            case JsonValueKind.String:
                var problem = ReadString(content, path, out var text);
                parts.Add(new ChatPart(IsImage: false, text));
                return problem;
            case JsonValueKind.Array:
                foreach (var block in content.EnumerateArray())
                {
                    var place = $"{path}.{parts.Count}";
                    if ((Fields.Type(block, place, out var type) ?? ReadPart(type, block, place, model, parts)) is { } badBlock)
                    {
                        return badBlock;
                    }
                }

                return null;
            default:
                return $"{path}: Input should be a valid string or a list of content blocks";
        }
    }

    private static string? ReadToolUse(JsonElement block, string path, ChatTurn turn)
    {
        var name = "";
        if ((Fields.Text(block, "id", path, out var id) ?? Fields.Text(block, "name", path, out name)
            ?? Fields.OnlyThese(block, path, "type", "id", "name", "input", "cache_control", "caller")) is { } problem)
        {
            return problem;
        }

        if (!ToolReader.IsName(id, int.MaxValue))
        {
            return $"{path}.id: String should match pattern '^[a-zA-Z0-9_-]+$'";
        }

        if (name.Length is 0 or > 200)
        {
            return $"{path}.name: String should have 1 to 200 characters";
        }

        if (!block.TryGetProperty("input"u8, out var input))
        {
            return $"{path}.input: Field required";
        }

        if (input.ValueKind != JsonValueKind.Object)
        {
            return $"{path}.input: Input should be an object";
        }

        turn.Calls.Add(new ChatToolCall(id, name, Fields.Compact(input), path));
        return null;
    }

    // Earlier thoughts are not sent: a model's chat template drops them or does not know them.
    private static string? CheckThinking(JsonElement block, string path) =>
        Fields.Text(block, "thinking", path, out _) ?? Fields.Text(block, "signature", path, out _)
        ?? Fields.OnlyThese(block, path, "type", "thinking", "signature");

    private static string? ReadString(JsonElement value, string path, out string text)
    {
        var isText = value.TryGetText(out var given);
        text = given ?? "";
        return isText ? null : Fields.LoneSurrogate(path);
    }

    private static string WrongType(string type, string path) =>
        type is "search_result" or "container_upload" or "tool_reference" or "mcp_tool_use" or "compaction"
            || type.StartsWith("server_tool", StringComparison.Ordinal) || type.EndsWith("_tool_result", StringComparison.Ordinal)
            ? $"{path}.type: Content blocks of type '{Fields.Echo(type)}' are not supported by this model; send text"
            : $"{path}.type: Input tag '{Fields.Echo(type)}' found using 'type' does not match any of the expected tags: 'text', 'image', 'document', "
                + "'tool_use', 'tool_result', 'thinking', 'redacted_thinking'";
}
