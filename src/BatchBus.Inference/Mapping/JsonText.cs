using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace BatchBus.Inference.Mapping;

internal static class JsonText
{
    /// <summary>Reads a string value; false for any other value and for text that no UTF-8 can hold.</summary>
    public static bool TryGetText(this JsonElement value, [NotNullWhen(true)] out string? text)
    {
        text = null;
        if (value.ValueKind != JsonValueKind.String)
        {
            return false;
        }

        try
        {
            text = value.GetString()!;
            return true;
        }
        catch (InvalidOperationException)
        {
            // JSON may escape half of a surrogate pair, as cutting a text inside an emoji produces.
            return false;
        }
    }

    /// <summary>Reads a property that is a string, otherwise returns null.</summary>
    public static string? TextOf(this JsonElement parent, ReadOnlySpan<byte> name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.TryGetText(out var text) ? text : null;
}
