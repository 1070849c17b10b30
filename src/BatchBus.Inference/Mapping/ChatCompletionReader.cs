using System.Text.Json;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Errors;

namespace BatchBus.Inference.Mapping;

/// <summary>Turns a chat completion, or the error object that came in its place, into an outcome.</summary>
internal static class ChatCompletionReader
{
    /// <param name="completion">What the endpoint returned as its answer.</param>
    /// <param name="model">The model that answered.</param>
    /// <param name="request">The request that is answered.</param>
    /// <param name="executionTime">For the usage.</param>
    /// <param name="queued">For the usage.</param>
    public static InferenceOutcome Read(JsonElement completion, CatalogModel model, ChatRequest request, TimeSpan executionTime, TimeSpan? queued = null)
    {
        try
        {
            return ReadCompletion(completion, model, request, executionTime, queued);
        }
        catch (InvalidOperationException)
        {
            return EndpointFailure.InvalidAnswer("the answer holds half of a surrogate pair");
        }
    }

    private static InferenceOutcome ReadCompletion(JsonElement completion, CatalogModel model, ChatRequest request, TimeSpan executionTime, TimeSpan? queued)
    {
        if (completion.ValueKind != JsonValueKind.Object)
        {
            return EndpointFailure.UnusableReply("the answer is no JSON object");
        }

        if (ModelServerError.TryRead(completion, out var error))
        {
            return EndpointFailure.FromStatus(error.Code ?? 500, error.Message);
        }

        if (!completion.TryGetProperty("object"u8, out var kind) || !Fields.IsString(kind, "chat.completion"u8))
        {
            return EndpointFailure.UnusableReply("the answer is no chat completion");
        }

        if (!completion.TryGetProperty("choices"u8, out var choices) || choices.ValueKind != JsonValueKind.Array || choices.GetArrayLength() == 0
            || choices[0] is not { ValueKind: JsonValueKind.Object } choice
            || !choice.TryGetProperty("message"u8, out var message) || message.ValueKind != JsonValueKind.Object)
        {
            return EndpointFailure.InvalidAnswer("the answer holds no choice");
        }

        var usage = UsageOf(completion, executionTime, queued);
        var (answer, fault) = ReadAnswer(choice, message, model, request, usage);
        return answer is null
            ? EndpointFailure.InvalidAnswer(fault!)
            : new InferenceOutcome.Succeeded(MessageWriter.Write(answer, model.Name, usage), usage) { ServedBy = completion.TextOf("model"u8), StopReason = answer.StopReason };
    }

    private static (Answer? Answer, string? Fault) ReadAnswer(
        JsonElement choice, JsonElement message, CatalogModel model, ChatRequest request, InferenceUsage usage)
    {
        var finish = choice.TextOf("finish_reason"u8);
        var hasCalls = ToolCallReader.HasCalls(message, out var given);
        string? stopSequence = null;

        // A named tool is called with the reason stop, so the calls decide and not the reason.
        var stopReason = finish switch
        {
            "stop" or "tool_calls" when hasCalls => "tool_use",
            "stop" => (stopSequence = StopSequenceOf(choice, request)) is null ? "end_turn" : "stop_sequence",
            "length" => FilledContext(model, request, usage) ? "model_context_window_exceeded" : "max_tokens",
            "content_filter" => "refusal",
            _ => null,
        };
        if (stopReason is null)
        {
            return (null, "the answer was not finished");
        }

        if (message.TryGetProperty("content"u8, out var content) && content.ValueKind is not (JsonValueKind.String or JsonValueKind.Null))
        {
            return (null, "the answer's content is no text");
        }

        IReadOnlyList<(string Id, string Name, JsonElement Input)>? calls = hasCalls ? ToolCallReader.Read(given, request, wasCut: finish is not ("stop" or "tool_calls")) : [];
        if (calls is null)
        {
            return (null, "a tool call of the answer has no name or its arguments are no JSON object");
        }

        var refusal = TextIn(message, "refusal"u8);
        var text = TextIn(message, "content"u8);
        return (new Answer
        {
            Thinking = request.ShowsThinking ? TextIn(message, "reasoning"u8) ?? TextIn(message, "reasoning_content"u8) : null,
            Text = text ?? refusal ?? "",
            Calls = calls,
            StopReason = refusal is null ? stopReason : "refusal",
            StopSequence = refusal is null ? stopSequence : null,
            Explanation = refusal,
        }, null);
    }

    /// <summary>The stop sequence that ended the answer; servers also report ids and texts of end-of-turn tokens in its place.</summary>
    private static string? StopSequenceOf(JsonElement choice, ChatRequest request)
    {
        foreach (var sequence in request.StopSequences)
        {
            if (choice.TryGetProperty("stop_reason"u8, out var stop) && stop.ValueKind == JsonValueKind.String && stop.ValueEquals(sequence))
            {
                return sequence;
            }
        }

        return null;
    }

    private static bool FilledContext(CatalogModel model, ChatRequest request, InferenceUsage usage) =>
        usage.OutputTokens < request.MaxTokens && (long)usage.InputTokens + usage.CachedTokens + usage.OutputTokens >= model.MaxContextTokens;

    /// <summary>A text that says something; unlike elsewhere, half of a surrogate pair is not passed over.</summary>
    private static string? TextIn(JsonElement message, ReadOnlySpan<byte> name) =>
        message.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;

    private static InferenceUsage UsageOf(JsonElement completion, TimeSpan executionTime, TimeSpan? queued)
    {
        if (!completion.TryGetProperty("usage"u8, out var usage) || usage.ValueKind != JsonValueKind.Object)
        {
            return new InferenceUsage(0, 0, 0, executionTime, queued);
        }

        var prompt = TokensOf(usage, "prompt_tokens"u8);
        var cached = usage.TryGetProperty("prompt_tokens_details"u8, out var details) && details.ValueKind == JsonValueKind.Object
            ? Math.Min(TokensOf(details, "cached_tokens"u8), prompt)
            : 0;
        return new InferenceUsage(prompt - cached, cached, TokensOf(usage, "completion_tokens"u8), executionTime, queued);
    }

    private static int TokensOf(JsonElement counts, ReadOnlySpan<byte> name) =>
        counts.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var tokens) ? Math.Max(0, tokens) : 0;
}
