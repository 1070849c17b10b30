using System.Text;
using System.Text.Json;
using BatchBus.Inference.Errors;

namespace BatchBus.Inference.Mapping;

/// <summary>What every object in a request's <c>params</c> is held against. Each check returns what is wrong, in the API's wording, or null.</summary>
internal static class Fields
{
    private const int LongestEcho = 100;

    public static string? OnlyThese(JsonElement value, string path, params ReadOnlySpan<string> names)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            return $"{path}: Input should be an object";
        }

        foreach (var field in value.EnumerateObject())
        {
            if (!names.Contains(field.Name))
            {
                return Extra($"{path}.{Echo(field.Name)}");
            }
        }

        return null;
    }

    public static string? Text(JsonElement parent, string name, string path, out string text)
    {
        text = "";
        if (!parent.TryGetProperty(name, out var value))
        {
            return $"{path}.{name}: Field required";
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            return $"{path}.{name}: Input should be a valid string";
        }

        if (!value.TryGetText(out var given))
        {
            return LoneSurrogate($"{path}.{name}");
        }

        text = given;
        return null;
    }

    /// <summary>Like <see cref="Text"/>, but the field may be null or absent.</summary>
    public static string? OptionalText(JsonElement parent, string name, string path, out string? text)
    {
        text = null;
        return IsGiven(parent, name) ? Text(parent, name, path, out text!) : null;
    }

    /// <summary>Reads a flag that may be null or absent.</summary>
    public static string? Flag(JsonElement parent, string name, string path, out bool flag)
    {
        flag = parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;
        return flag || value.ValueKind is JsonValueKind.False or JsonValueKind.Null or JsonValueKind.Undefined
            ? null
            : $"{path}.{name}: Input should be a valid boolean";
    }

    public static string? Type(JsonElement value, string path, out string type) =>
        value.ValueKind == JsonValueKind.Object ? Text(value, "type", path, out type) : NoObject(path, out type);

    public static bool IsGiven(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    public static bool IsString(JsonElement value, ReadOnlySpan<byte> text) => value.ValueKind == JsonValueKind.String && value.ValueEquals(text);

    /// <summary>The value without blanks, to be sent on.</summary>
    /// <exception cref="InvalidOperationException">The value holds half of a surrogate pair.</exception>
    public static string Compact(JsonElement value) => Encoding.UTF8.GetString(CompactJson.Write(value, static (writer, value) => value.WriteTo(writer)));

    public static string Extra(string path) => $"{path}: Extra inputs are not permitted";

    public static string LoneSurrogate(string path) => $"{path}: Input should be valid text; it holds half of a surrogate pair";

    /// <summary>The caller's own word for a message, cut to a bearable length.</summary>
    public static string Echo(string word) => Excerpt.Of(word, LongestEcho);

    private static string NoObject(string path, out string type)
    {
        type = "";
        return $"{path}: Input should be an object";
    }
}
