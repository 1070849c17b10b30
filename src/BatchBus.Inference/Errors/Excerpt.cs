namespace BatchBus.Inference.Errors;

/// <summary>Bounds text of others before it becomes part of a message.</summary>
internal static class Excerpt
{
    public static string Of(string text, int length)
    {
        if (text.Length <= length)
        {
            return text;
        }

        // Half of a surrogate pair could not be written as JSON.
        var end = char.IsHighSurrogate(text[length - 1]) ? length - 1 : length;
        return string.Concat(text.AsSpan(0, end), "...");
    }
}
