using System.Text.Json;

namespace BatchBus.Inference.Mapping;

/// <summary>Reads which tools the model may call, and whether it has to. Every method returns what is wrong, or null.</summary>
internal static class ToolReader
{
    // The last five are hints to Anthropic's own servers, without effect here.
    private static readonly string[] Known =
    [
        "type", "name", "description", "input_schema", "strict",
        "cache_control", "allowed_callers", "defer_loading", "eager_input_streaming", "input_examples",
    ];

    public static string? ReadTools(JsonElement value, ChatRequest request)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            return "tools: Input should be a valid list";
        }

        var tools = new List<ChatTool>(value.GetArrayLength());
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var element in value.EnumerateArray())
        {
            var path = $"tools.{tools.Count}";
            if (ReadTool(element, path, out var tool) is { } problem)
            {
                return problem;
            }

            if (!names.Add(tool.Name))
            {
                return $"{path}.name: Tool names must be unique; '{tool.Name}' is used twice";
            }

            tools.Add(tool);
        }

        request.Tools = tools;
        return null;
    }

    public static string? ReadChoice(JsonElement value, ChatRequest request)
    {
        const string path = "tool_choice";
        var (one, name) = (false, "");
        if (Fields.Type(value, path, out var type) is { } problem)
        {
            return problem;
        }

        if ((type switch
        {
            "auto" or "any" => Fields.OnlyThese(value, path, "type", "disable_parallel_tool_use"),
            "tool" => Fields.Text(value, "name", path, out name) ?? Fields.OnlyThese(value, path, "type", "name", "disable_parallel_tool_use"),
            "none" => Fields.OnlyThese(value, path, "type"),
            _ => $"{path}.type: Input tag '{Fields.Echo(type)}' found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'",
        } ?? Fields.Flag(value, "disable_parallel_tool_use", path, out one)) is { } badChoice)
        {
            return badChoice;
        }

        request.ToolChoice = type == "any" ? "required" : type == "tool" ? null : type;
        request.ForcedTool = type == "tool" ? name : null;
        request.AllowsOneCallOnly = one;
        return null;
    }

    /// <summary>Whether the text is made of ASCII letters, digits, '_' and '-' only.</summary>
    public static bool IsName(string text, int longest) =>
        text.Length > 0 && text.Length <= longest && text.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-');

    private static string? ReadTool(JsonElement value, string path, out ChatTool tool)
    {
        tool = default;
        if (value.ValueKind != JsonValueKind.Object)
        {
            return $"{path}: Input should be an object";
        }

        if (Fields.OptionalText(value, "type", path, out var type) is { } badType)
        {
            return badType;
        }

        if (type is not (null or "custom"))
        {
            return $"{path}.type: Tools of type '{Fields.Echo(type)}' run on Anthropic's servers and are not supported by this one; "
                + "leave it out, or define a tool of type 'custom' and run it yourself";
        }

        var (name, schema, strict) = ("", "", false);
        string? description = null;
        if ((Fields.OnlyThese(value, path, Known)
            ?? Fields.Text(value, "name", path, out name)
            ?? (IsName(name, 128) ? null : $"{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
            ?? Fields.OptionalText(value, "description", path, out description)
            ?? Fields.Flag(value, "strict", path, out strict)
            ?? ReadSchema(value, path, out schema)) is { } problem)
        {
            return problem;
        }

        tool = new ChatTool(name, description, schema, strict);
        return null;
    }

    private static string? ReadSchema(JsonElement tool, string path, out string schema)
    {
        schema = "";
        path = $"{path}.input_schema";
        if (!tool.TryGetProperty("input_schema"u8, out var given))
        {
            return $"{path}: Field required";
        }

        if (given.ValueKind != JsonValueKind.Object)
        {
            return $"{path}: Input should be an object";
        }

        if (!given.TryGetProperty("type"u8, out var type))
        {
            // Servers demand the type that the API takes for granted.
            var fields = Fields.Compact(given)[1..];
            schema = fields == "}" ? """{"type":"object"}""" : $$"""{"type":"object",{{fields}}""";
            return null;
        }

        schema = Fields.Compact(given);
        return Fields.IsString(type, "object"u8) ? null : $"{path}.type: Input should be 'object'";
    }
}
