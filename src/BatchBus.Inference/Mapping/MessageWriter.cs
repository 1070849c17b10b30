using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace BatchBus.Inference.Mapping;

/// <summary>Writes an answer as the Messages API's message object.</summary>
internal static class MessageWriter
{
    private const string IdCharacters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// <param name="answer">The answer.</param>
    /// <param name="model">The model's name in the catalogue.</param>
    /// <param name="usage">What the answer used.</param>
    /// <exception cref="InvalidOperationException">The input of a tool holds half of a surrogate pair.</exception>
    public static ReadOnlyMemory<byte> Write(Answer answer, string model, InferenceUsage usage) => CompactJson.Write((answer, model, usage), static (writer, message) =>
    {
        var (answer, model, usage) = message;
        writer.WriteStartObject();
        writer.WriteString("id"u8, $"msg_{Random.Shared.GetString(IdCharacters, 24)}");
        writer.WriteString("type"u8, "message"u8);
        writer.WriteString("role"u8, "assistant"u8);
        writer.WriteString("model"u8, model);
        WriteContent(writer, answer);
        writer.WriteString("stop_reason"u8, answer.StopReason);
        writer.WriteString("stop_sequence"u8, answer.StopSequence);
        WriteStopDetails(writer, answer);
        writer.WriteNull("container"u8);
        writer.WriteNull("diagnostics"u8);
        WriteUsage(writer, usage);
        writer.WriteEndObject();
    });

    private static void WriteContent(Utf8JsonWriter writer, Answer answer)
    {
        writer.WriteStartArray("content"u8);
        if (answer.Thinking is { } thinking)
        {
            // Nobody verifies the signature here; clients only expect to find one.
            writer.WriteStartObject();
            writer.WriteString("type"u8, "thinking"u8);
            writer.WriteString("thinking"u8, thinking);
            writer.WriteString("signature"u8, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(thinking))));
            writer.WriteEndObject();
        }

        // An empty answer is one empty block, not none: callers read content[0].text.
        if (answer.Text.Length > 0 || (answer.Thinking is null && answer.Calls.Count == 0))
        {
            writer.WriteStartObject();
            writer.WriteString("type"u8, "text"u8);
            writer.WriteString("text"u8, answer.Text);
            writer.WriteNull("citations"u8);
            writer.WriteEndObject();
        }

        foreach (var (id, name, input) in answer.Calls)
        {
            writer.WriteStartObject();
            writer.WriteString("type"u8, "tool_use"u8);
            writer.WriteString("id"u8, id);
            writer.WriteString("name"u8, name);
            writer.WritePropertyName("input"u8);
            input.WriteTo(writer);
            writer.WriteStartObject("caller"u8);
            writer.WriteString("type"u8, "direct"u8);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteStopDetails(Utf8JsonWriter writer, Answer answer)
    {
        if (answer.StopReason != "refusal")
        {
            writer.WriteNull("stop_details"u8);
            return;
        }

        writer.WriteStartObject("stop_details"u8);
        writer.WriteString("type"u8, "refusal"u8);
        writer.WriteNull("category"u8);
        writer.WriteString("explanation"u8, answer.Explanation);
        writer.WriteEndObject();
    }

    private static void WriteUsage(Utf8JsonWriter writer, InferenceUsage usage)
    {
        writer.WriteStartObject("usage"u8);
        writer.WriteNumber("input_tokens"u8, usage.InputTokens);
        writer.WriteNumber("output_tokens"u8, usage.OutputTokens);
        writer.WriteNumber("cache_creation_input_tokens"u8, 0);
        writer.WriteNumber("cache_read_input_tokens"u8, usage.CachedTokens);
        writer.WriteNull("cache_creation"u8);
        writer.WriteNull("server_tool_use"u8);
        writer.WriteNull("output_tokens_details"u8);
        writer.WriteNull("inference_geo"u8);
        writer.WriteString("service_tier"u8, "batch"u8);
        writer.WriteNull("speed"u8);
        writer.WriteEndObject();
    }
}
