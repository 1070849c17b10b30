using System.Text.Json;
using BatchBus.Inference.Catalog;

namespace BatchBus.Inference.Mapping;

/// <summary>Writes a conversation as the messages of a chat completion.</summary>
internal static class ChatMessagesWriter
{
    public static void Write(Utf8JsonWriter writer, ChatRequest request, CatalogModel model)
    {
        writer.WriteStartArray("messages"u8);
        var preamble = request.System;
        if (preamble is not null && model.AcceptsSystemRole)
        {
            WriteText(writer, "system"u8, preamble);
            preamble = null;
        }

        foreach (var turn in request.Turns)
        {
            if (turn.Role == ChatRole.Assistant)
            {
                WriteAssistant(writer, turn, request);
                continue;
            }

            WriteResults(writer, turn, request);
            if (turn.Parts.Count > 0)
            {
                // Where the template knows no system role, the first user message begins with it, which is what other templates make of it.
                WriteUser(writer, turn, preamble);
                preamble = null;
            }
        }

        writer.WriteEndArray();
    }

    private static void WriteUser(Utf8JsonWriter writer, ChatTurn turn, string? preamble)
    {
        if (!turn.HasImages)
        {
            WriteText(writer, "user"u8, preamble is null ? turn.Text : $"{preamble}\n\n{turn.Text}");
            return;
        }

        writer.WriteStartObject();
        writer.WriteString("role"u8, "user"u8);
        writer.WriteStartArray("content"u8);
        if (preamble is not null)
        {
            WritePart(writer, new ChatPart(IsImage: false, preamble));
        }

        foreach (var part in turn.Parts)
        {
            WritePart(writer, part);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WritePart(Utf8JsonWriter writer, ChatPart part)
    {
        writer.WriteStartObject();
        if (part.IsImage)
        {
            writer.WriteString("type"u8, "image_url"u8);
            writer.WriteStartObject("image_url"u8);
            writer.WriteString("url"u8, part.Value);
            writer.WriteEndObject();
        }
        else
        {
            writer.WriteString("type"u8, "text"u8);
            writer.WriteString("text"u8, part.Value);
        }

        writer.WriteEndObject();
    }

    private static void WriteResults(Utf8JsonWriter writer, ChatTurn turn, ChatRequest request)
    {
        foreach (var result in turn.Results)
        {
            writer.WriteStartObject();
            writer.WriteString("role"u8, "tool"u8);
            writer.WriteString("tool_call_id"u8, request.ToolIds.ForModel(result.Id));
            writer.WriteString("content"u8, result.Text);
            writer.WriteEndObject();
        }
    }

    private static void WriteAssistant(Utf8JsonWriter writer, ChatTurn turn, ChatRequest request)
    {
        if (turn.Calls.Count == 0)
        {
            WriteText(writer, "assistant"u8, turn.Text);
            return;
        }

        writer.WriteStartObject();
        writer.WriteString("role"u8, "assistant"u8);
        writer.WriteString("content"u8, turn.Text);
        writer.WriteStartArray("tool_calls"u8);
        foreach (var call in turn.Calls)
        {
            writer.WriteStartObject();
            writer.WriteString("id"u8, request.ToolIds.ForModel(call.Id));
            writer.WriteString("type"u8, "function"u8);
            writer.WriteStartObject("function"u8);
            writer.WriteString("name"u8, call.Name);
            writer.WriteString("arguments"u8, call.Arguments);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteText(Utf8JsonWriter writer, ReadOnlySpan<byte> role, string text)
    {
        writer.WriteStartObject();
        writer.WriteString("role"u8, role);
        writer.WriteString("content"u8, text);
        writer.WriteEndObject();
    }
}
