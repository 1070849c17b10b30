using System.Text.Json;
using BatchBus.Inference.Catalog;

namespace BatchBus.Inference.Mapping;

/// <summary>Reads a request's <c>messages</c> into turns that alternate. Every method returns what is wrong, or null.</summary>
internal static class ConversationReader
{
    private const int MostMessages = 100_000;

    public static string? Read(JsonElement value, CatalogModel model, ChatRequest request)
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

        var turns = new List<ChatTurn>(count);
        var index = 0;
        foreach (var message in value.EnumerateArray())
        {
            if (ReadMessage(message, index, isLast: index == count - 1, model, turns) is { } problem)
            {
                return problem;
            }

            index++;
        }

        request.Turns = turns;
        return ToolPairing.Check(turns);
    }

    private static string? ReadMessage(JsonElement message, int index, bool isLast, CatalogModel model, List<ChatTurn> turns)
    {
        var path = $"messages.{index}";
        var role = ChatRole.User;
        if ((Fields.OnlyThese(message, path, "role", "content") ?? ReadRole(message, path, out role)) is { } problem)
        {
            return problem;
        }

        if (!message.TryGetProperty("content"u8, out var content))
        {
            return $"{path}.content: Field required";
        }

        var turn = new ChatTurn(role);
        if (ContentReader.Read(content, $"{path}.content", model, turn) is { } badContent)
        {
            return badContent;
        }

        if (index == 0 && role == ChatRole.Assistant)
        {
            return "messages: first message must use the \"user\" role";
        }

        if (turn.IsEmpty)
        {
            // Thoughts alone are content too, although none of it is sent on.
            var saysNothing = content.ValueKind == JsonValueKind.String || content.GetArrayLength() == 0;
            return saysNothing && !(isLast && role == ChatRole.Assistant)
                ? $"{path}: all messages must have non-empty content except for the optional final assistant message"
                : null;
        }

        if (isLast && role == ChatRole.Assistant && turn.Parts.Count > 0 && char.IsWhiteSpace(turn.Parts[^1].Value[^1]))
        {
            return "messages: final assistant content cannot end with trailing whitespace";
        }

        // Models' chat templates demand that the sides alternate, while the API lets one side speak twice.
        if (turns.Count > 0 && turns[^1].Role == role)
        {
            turns[^1].Append(turn);
        }
        else
        {
            turns.Add(turn);
        }

        return null;
    }

    private static string? ReadRole(JsonElement message, string path, out ChatRole side)
    {
        side = ChatRole.User;
        if (!message.TryGetProperty("role"u8, out var role))
        {
            return $"{path}.role: Field required";
        }

        if (Fields.IsString(role, "assistant"u8))
        {
            side = ChatRole.Assistant;
            return null;
        }

        return Fields.IsString(role, "user"u8) ? null
            : Fields.IsString(role, "system"u8)
                ? $"{path}.role: System messages inside the conversation are not supported by this model; use the top-level \"system\" field"
                : $"{path}.role: Input should be 'user' or 'assistant'";
    }
}
