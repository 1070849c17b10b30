using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace BatchBus.Inference.Mapping;

/// <summary>Writes the chat-completions request, alone or as the input of a RunPod job.</summary>
internal static class ChatRequestWriter
{
    // Nothing here ends up in HTML. Validation is left to the tests: the calls below always pair up.
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <param name="request">The request.</param>
    /// <param name="servedModel">The name that the endpoint knows the model by.</param>
    /// <param name="sizeHint">Bytes that the body will need, roughly.</param>
    public static ReadOnlyMemory<byte> Write(ChatRequest request, string servedModel, int sizeHint)
    {
        var buffer = new ArrayBufferWriter<byte>(sizeHint + 256);
        using (var writer = new Utf8JsonWriter(buffer, Compact))
        {
            WriteRequest(writer, request, servedModel);
        }

        return buffer.WrittenMemory;
    }

    /// <param name="request">The request.</param>
    /// <param name="servedModel">The name that the endpoint knows the model by.</param>
    /// <param name="sizeHint">Bytes that the body will need, roughly.</param>
    /// <param name="executionTimeout">Longest that the job may be executed.</param>
    /// <param name="timeToLive">After which the job is forgotten, whatever its state: bounds what an orphan can cost.</param>
    public static ReadOnlyMemory<byte> WriteJob(
        ChatRequest request, string servedModel, int sizeHint, TimeSpan executionTimeout, TimeSpan timeToLive)
    {
        var buffer = new ArrayBufferWriter<byte>(sizeHint + 384);
        using (var writer = new Utf8JsonWriter(buffer, Compact))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("input"u8);
            writer.WriteString("openai_route"u8, "/v1/chat/completions"u8);
            writer.WritePropertyName("openai_input"u8);
            WriteRequest(writer, request, servedModel);
            writer.WriteEndObject();
            writer.WriteStartObject("policy"u8);
            writer.WriteNumber("executionTimeout"u8, (long)executionTimeout.TotalMilliseconds);
            writer.WriteNumber("ttl"u8, (long)timeToLive.TotalMilliseconds);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    private static void WriteRequest(Utf8JsonWriter writer, ChatRequest request, string servedModel)
    {
        writer.WriteStartObject();
        writer.WriteString("model"u8, servedModel);
        writer.WriteStartArray("messages"u8);
        if (request.System is { } system)
        {
            WriteMessage(writer, "system"u8, system);
        }

        foreach (var turn in request.Turns)
        {
            WriteMessage(writer, turn.Role == ChatRole.User ? "user"u8 : "assistant"u8, turn.Text);
        }

        writer.WriteEndArray();
        writer.WriteNumber("max_tokens"u8, request.MaxTokens);
        writer.WriteNumber("temperature"u8, request.Temperature);
        if (request.TopP is { } topP)
        {
            writer.WriteNumber("top_p"u8, topP);
        }

        if (request.TopK is { } topK)
        {
            writer.WriteNumber("top_k"u8, topK);
        }

        if (request.StopSequences.Count > 0)
        {
            writer.WriteStartArray("stop"u8);
            foreach (var sequence in request.StopSequences)
            {
                writer.WriteStringValue(sequence);
            }

            writer.WriteEndArray();
        }

        if (request.ContinuesLastTurn)
        {
            writer.WriteBoolean("continue_final_message"u8, true);
            writer.WriteBoolean("add_generation_prompt"u8, false);
        }

        writer.WriteEndObject();
    }

    private static void WriteMessage(Utf8JsonWriter writer, ReadOnlySpan<byte> role, string text)
    {
        writer.WriteStartObject();
        writer.WriteString("role"u8, role);
        writer.WriteString("content"u8, text);
        writer.WriteEndObject();
    }
}
