using System.Text;
using System.Text.Json;

namespace BatchBus.Inference.Tests;

/// <summary>Bodies that several tests exchange with the stub.</summary>
internal static class Wire
{
    public const string Prompt = "secret-prompt";

    public const string Completion =
        """{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"served","choices":[{"index":0,"message":{"role":"assistant","content":"Hello."},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":3}}""";

    public static ReadOnlyMemory<byte> Params { get; } =
        Encoding.UTF8.GetBytes($$"""{"max_tokens":8,"messages":[{"role":"user","content":"{{Prompt}}"}]}""");

    public static InferenceError? ErrorOf(InferenceOutcome outcome) => (outcome as InferenceOutcome.Failed)?.Error;

    public static string TextOf(InferenceOutcome outcome) =>
        JsonDocument.Parse(((InferenceOutcome.Succeeded)outcome).Message).RootElement.GetProperty("content")[0].GetProperty("text").GetString()!;
}
