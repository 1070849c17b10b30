using System.Globalization;
using System.Text.Json;

namespace BatchBus.Simulator.Chat;

/// <summary>The answer to a request: its text after stop strings and the token limit, and why it ends where it ends.</summary>
internal readonly record struct ChatAnswer(string Text, int Tokens, string FinishReason, string? StopReason)
{
    public static ChatAnswer To(ChatRequest request) => request.ToolCall is { } call ? ToForced(call, request.MaxTokens)
        : ToFree(request) is var answer && request is { AnswerLength: { } share, MaxTokens: { } most } && answer.StopReason is null
            ? answer with { Tokens = Math.Max(1, (int)(share * most)) }
            : answer;

    /// <summary>Writes the <c>chat.completion</c> object.</summary>
    public void Write(Utf8JsonWriter writer, ChatRequest request, string id, long created, SimulatedFaultKind? fault = null)
    {
        writer.WriteStartObject();
        writer.WriteString("id"u8, id);
        writer.WriteString("object"u8, "chat.completion"u8);
        writer.WriteNumber("created"u8, created);
        writer.WriteString("model"u8, request.Model);
        writer.WriteStartArray("choices"u8);
        if (fault != SimulatedFaultKind.EmptyChoices)
        {
            WriteChoice(writer, request, id, fault);
        }

        writer.WriteEndArray();
        writer.WriteStartObject("usage"u8);
        writer.WriteNumber("prompt_tokens"u8, request.PromptTokens);
        writer.WriteNumber("completion_tokens"u8, Tokens);
        writer.WriteNumber("total_tokens"u8, request.PromptTokens + Tokens);
        writer.WriteStartObject("prompt_tokens_details"u8);
        writer.WriteNumber("cached_tokens"u8, request.CachedTokens);
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private void WriteChoice(Utf8JsonWriter writer, ChatRequest request, string id, SimulatedFaultKind? fault)
    {
        writer.WriteStartObject();
        writer.WriteNumber("index"u8, 0);
        writer.WriteStartObject("message"u8);
        writer.WriteString("role"u8, "assistant"u8);
        if (fault == SimulatedFaultKind.InvalidToolArguments)
        {
            WriteCall(writer, id, request.ToolCall?.Name ?? "simulated", """{"query": "unfin""");
        }
        else if (request.ToolCall is { } call)
        {
            WriteCall(writer, id, call.Name, Text);
        }
        else
        {
            writer.WriteString("content"u8, Text);
            writer.WriteNull("refusal"u8);
        }

        writer.WriteEndObject();
        writer.WriteNull("logprobs"u8);
        writer.WriteString("finish_reason"u8, fault == SimulatedFaultKind.InvalidToolArguments ? "tool_calls" : FinishReason);
        writer.WriteString("stop_reason"u8, StopReason);
        writer.WriteEndObject();
    }

    private static ChatAnswer ToForced(ToolCall call, int? maxTokens)
    {
        var length = maxTokens is { } limit ? SimulatedAnswer.FitInto(call.Arguments, limit) : call.Arguments.Length;
        return new ChatAnswer(
            call.Arguments[..length],
            SimulatedAnswer.TokensIn(length),
            length < call.Arguments.Length ? "length" : call.IsNamed ? "stop" : "tool_calls",
            null);
    }

    private static void WriteCall(Utf8JsonWriter writer, string id, string name, string arguments)
    {
        writer.WriteNull("content"u8);
        writer.WriteNull("refusal"u8);
        writer.WriteStartArray("tool_calls"u8);
        writer.WriteStartObject();
        writer.WriteString("id"u8, $"chatcmpl-tool-{id["chatcmpl-".Length..]}");
        writer.WriteString("type"u8, "function"u8);
        writer.WriteStartObject("function"u8);
        writer.WriteString("name"u8, name);
        writer.WriteString("arguments"u8, arguments);
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndArray();
    }

    private static ChatAnswer ToFree(ChatRequest request)
    {
        var full = string.Create(
            CultureInfo.InvariantCulture,
            $"[simulated {request.Model}] {SimulatedAnswer.Echo(request.Key, request.Excerpt)}\n\n{SalesProse.Write(request.Topic, request.Key)}");
        var length = request.MaxTokens is { } limit ? SimulatedAnswer.FitInto(full, limit) : full.Length;
        var text = full[..length];

        // As the text grows, the stop string that is complete first ends it; of several complete at once, the first of the list.
        var (end, stop) = (int.MaxValue, (string?)null);
        foreach (var candidate in request.Stop)
        {
            var at = candidate.Length > 0 ? text.IndexOf(candidate, StringComparison.Ordinal) : -1;
            if (at >= 0 && at + candidate.Length < end)
            {
                (end, stop) = (at + candidate.Length, candidate);
            }
        }

        return stop is not null
            ? new ChatAnswer(text[..(end - stop.Length)], SimulatedAnswer.TokensIn(end), "stop", stop)
            : new ChatAnswer(text, SimulatedAnswer.TokensIn(length), length < full.Length ? "length" : "stop", null);
    }
}
