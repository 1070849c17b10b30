using System.Text.Json;

namespace BatchBus.Simulator.Chat;

/// <summary>The tool call that a request forces upon the model.</summary>
/// <param name="Name">Of the function.</param>
/// <param name="Arguments">A JSON object that holds what the function's schema requires.</param>
/// <param name="IsNamed">Whether the request named the function, where vLLM ends with <c>stop</c> instead of <c>tool_calls</c>.</param>
internal sealed record ToolCall(string Name, string Arguments, bool IsNamed)
{
    /// <summary>Finds out what <c>tools</c> and <c>tool_choice</c> force; null where the model may answer with text.</summary>
    /// <exception cref="ChatRejection">They are not what vLLM takes, or do not go together.</exception>
    public static ToolCall? Of(JsonElement tools, JsonElement choice)
    {
        var hasTools = tools.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);
        if (hasTools && (tools.ValueKind != JsonValueKind.Array || tools.GetArrayLength() == 0))
        {
            throw ChatRejection.BadRequest("tools must be a list of at least one tool.", "tools");
        }

        if (choice.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null || (choice.ValueKind == JsonValueKind.String && choice.ValueEquals("none"u8)))
        {
            return null;
        }

        if (!hasTools)
        {
            throw ChatRejection.BadRequest("When using `tool_choice`, `tools` must be set.", "tool_choice");
        }

        if (choice.ValueKind == JsonValueKind.String && choice.ValueEquals("auto"u8))
        {
            return null;
        }

        var name = choice.ValueKind == JsonValueKind.String && choice.ValueEquals("required"u8) ? null
            : NameOf(choice) ?? throw ChatRejection.BadRequest("tool_choice must be none, auto, required or a named function.", "tool_choice");
        foreach (var tool in tools.EnumerateArray())
        {
            var own = NameOf(tool) ?? throw ChatRejection.Invalid("missing", "tools", "Field required: function.name");
            if (name is null || own == name)
            {
                return new ToolCall(own, ArgumentsOf(tool.GetProperty("function")), name is not null);
            }
        }

        throw ChatRejection.BadRequest($"The tool specified in `tool_choice` does not match any of the specified `tools`: {name}", "tool_choice");
    }

    private static string? NameOf(JsonElement tool) =>
        tool.ValueKind == JsonValueKind.Object && tool.TryGetProperty("function"u8, out var function)
        && function.ValueKind == JsonValueKind.Object && function.TryGetProperty("name"u8, out var name) && name.ValueKind == JsonValueKind.String
            ? name.GetString()
            : null;

    private static string ArgumentsOf(JsonElement function)
    {
        var json = JsonBody.Begin();
        _ = function.TryGetProperty("parameters"u8, out var schema);
        WriteObject(json.Writer, schema);
        return json.ToString();
    }

    private static void WriteObject(Utf8JsonWriter writer, JsonElement schema)
    {
        writer.WriteStartObject();
        if (schema.ValueKind == JsonValueKind.Object
            && schema.TryGetProperty("required"u8, out var required) && required.ValueKind == JsonValueKind.Array
            && schema.TryGetProperty("properties"u8, out var properties) && properties.ValueKind == JsonValueKind.Object)
        {
            foreach (var name in required.EnumerateArray().Where(name => name.ValueKind == JsonValueKind.String).Select(name => name.GetString()!))
            {
                writer.WritePropertyName(name);
                WriteValue(writer, properties.TryGetProperty(name, out var property) ? property : default);
            }
        }

        writer.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter writer, JsonElement schema)
    {
        var type = "string";
        if (schema.ValueKind == JsonValueKind.Object)
        {
            if (schema.TryGetProperty("enum"u8, out var choices) && choices.ValueKind == JsonValueKind.Array && choices.GetArrayLength() > 0)
            {
                choices[0].WriteTo(writer);
                return;
            }

            type = schema.TryGetProperty("type"u8, out var named) && named.ValueKind == JsonValueKind.String ? named.GetString() : type;
        }

        switch (type)
        {
            case "number" or "integer":
                writer.WriteNumberValue(1);
                break;
            case "boolean":
                writer.WriteBooleanValue(true);
                break;
            case "array":
                writer.WriteStartArray();
                writer.WriteEndArray();
                break;
            case "object":
                WriteObject(writer, schema);
                break;
            case "null":
                writer.WriteNullValue();
                break;
            default:
                writer.WriteStringValue("simulated"u8);
                break;
        }
    }
}
