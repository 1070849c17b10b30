using System.Buffers;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using BatchBus.Inference.Errors;

namespace BatchBus.Inference.Mapping;

/// <summary>Turns a chat completion, or the error object that came in its place, into an outcome.</summary>
internal static class ChatCompletionReader
{
    private const string IdCharacters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    // This encoder still escapes line and paragraph separators, so that one result stays one line for every reader of lines.
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <param name="completion">What the endpoint returned as its answer.</param>
    /// <param name="model">The model's name in the catalogue.</param>
    /// <param name="request">The request that is answered.</param>
    /// <param name="executionTime">For the usage.</param>
    public static InferenceOutcome Read(JsonElement completion, string model, ChatRequest request, TimeSpan executionTime)
    {
        try
        {
            return ReadCompletion(completion, model, request, executionTime);
        }
        catch (InvalidOperationException)
        {
            return EndpointFailure.UnusableReply("the answer holds half of a surrogate pair");
        }
    }

    private static InferenceOutcome ReadCompletion(JsonElement completion, string model, ChatRequest request, TimeSpan executionTime)
    {
        if (completion.ValueKind != JsonValueKind.Object)
        {
            return EndpointFailure.UnusableReply("the answer is no JSON object");
        }

        if (ModelServerError.TryRead(completion, out var error))
        {
            return EndpointFailure.FromStatus(error.Code ?? 500, error.Message);
        }

        if (!completion.TryGetProperty("object"u8, out var kind) || kind.ValueKind != JsonValueKind.String || !kind.ValueEquals("chat.completion"u8))
        {
            return EndpointFailure.UnusableReply("the answer is no chat completion");
        }

        if (!completion.TryGetProperty("choices"u8, out var choices) || choices.ValueKind != JsonValueKind.Array || choices.GetArrayLength() == 0
            || choices[0] is not { ValueKind: JsonValueKind.Object } choice
            || !choice.TryGetProperty("message"u8, out var message) || message.ValueKind != JsonValueKind.Object)
        {
            return EndpointFailure.UnusableReply("the answer holds no choice");
        }

        if (StopReasonOf(choice, request, out var stopSequence) is not { } stopReason)
        {
            return EndpointFailure.UnusableReply("the answer was not finished");
        }

        var content = message.TryGetProperty("content"u8, out var given) ? given : default;
        if (content.ValueKind is not (JsonValueKind.String or JsonValueKind.Null or JsonValueKind.Undefined))
        {
            return EndpointFailure.UnusableReply("the answer's content is no text");
        }

        var usage = UsageOf(completion, executionTime);
        return new InferenceOutcome.Succeeded(WriteMessage(model, content, stopReason, stopSequence, usage), usage);
    }

    private static string? StopReasonOf(JsonElement choice, ChatRequest request, out string? stopSequence)
    {
        stopSequence = null;
        if (!choice.TryGetProperty("finish_reason"u8, out var finish) || finish.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        if (finish.ValueEquals("stop"u8))
        {
            // Only a string of the request's own counts: servers also report ids and strings of end-of-turn tokens here.
            if (choice.TryGetProperty("stop_reason"u8, out var stop) && stop.ValueKind == JsonValueKind.String)
            {
                stopSequence = request.StopSequences.FirstOrDefault(sequence => stop.ValueEquals(sequence));
            }

            return stopSequence is null ? "end_turn" : "stop_sequence";
        }

        return finish.ValueEquals("length"u8) ? "max_tokens"
            : finish.ValueEquals("content_filter"u8) ? "refusal"
            : null;
    }

    private static InferenceUsage UsageOf(JsonElement completion, TimeSpan executionTime)
    {
        if (!completion.TryGetProperty("usage"u8, out var usage) || usage.ValueKind != JsonValueKind.Object)
        {
            return new InferenceUsage(0, 0, 0, executionTime);
        }

        var prompt = TokensOf(usage, "prompt_tokens"u8);
        var cached = usage.TryGetProperty("prompt_tokens_details"u8, out var details) && details.ValueKind == JsonValueKind.Object
            ? Math.Min(TokensOf(details, "cached_tokens"u8), prompt)
            : 0;
        return new InferenceUsage(prompt - cached, cached, TokensOf(usage, "completion_tokens"u8), executionTime);
    }

    private static int TokensOf(JsonElement counts, ReadOnlySpan<byte> name) =>
        counts.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var tokens) ? Math.Max(0, tokens) : 0;

    private static byte[] WriteMessage(string model, JsonElement content, string stopReason, string? stopSequence, InferenceUsage usage)
    {
        var buffer = new ArrayBufferWriter<byte>(2048);
        using (var writer = new Utf8JsonWriter(buffer, Compact))
        {
            writer.WriteStartObject();
            writer.WriteString("id"u8, $"msg_{RandomNumberGenerator.GetString(IdCharacters, 24)}");
            writer.WriteString("type"u8, "message"u8);
            writer.WriteString("role"u8, "assistant"u8);
            writer.WriteString("model"u8, model);

            // An empty answer is one empty block, not none: callers read content[0].text.
            writer.WriteStartArray("content"u8);
            writer.WriteStartObject();
            writer.WriteString("type"u8, "text"u8);
            writer.WritePropertyName("text"u8);
            if (content.ValueKind == JsonValueKind.String)
            {
                content.WriteTo(writer);
            }
            else
            {
                writer.WriteStringValue(""u8);
            }

            writer.WriteNull("citations"u8);
            writer.WriteEndObject();
            writer.WriteEndArray();

            writer.WriteString("stop_reason"u8, stopReason);
            writer.WriteString("stop_sequence"u8, stopSequence);
            WriteStopDetails(writer, stopReason);
            writer.WriteNull("container"u8);
            writer.WriteNull("diagnostics"u8);
            WriteUsage(writer, usage);
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteStopDetails(Utf8JsonWriter writer, string stopReason)
    {
        if (stopReason != "refusal")
        {
            writer.WriteNull("stop_details"u8);
            return;
        }

        writer.WriteStartObject("stop_details"u8);
        writer.WriteString("type"u8, "refusal"u8);
        writer.WriteNull("category"u8);
        writer.WriteNull("explanation"u8);
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
