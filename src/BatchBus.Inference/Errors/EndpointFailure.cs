using System.Globalization;
using System.Text.RegularExpressions;

namespace BatchBus.Inference.Errors;

/// <summary>Sorts what endpoints do into outcomes. Messages of failures are our own words only, as they end up in logs.</summary>
internal static partial class EndpointFailure
{
    private const int LongestMessage = 500;

    /// <summary>The outcome for an HTTP status, whether it came as one or was reported inside a job or a reply.</summary>
    /// <param name="status">The status.</param>
    /// <param name="message">The model server's words, if there are any: they become part of a refusal.</param>
    /// <param name="retryAfter">What the endpoint asked for, if anything.</param>
    public static InferenceOutcome FromStatus(int status, string? message, TimeSpan? retryAfter = null) => status switch
    {
        400 or 422 => Refused(status, message),
        413 => new InferenceOutcome.Refused("request_too_large", "The request is larger than the model's endpoint accepts."),
        401 or 402 or 403 => Failed(InferenceError.Unauthorized, $"HTTP {status}"),
        408 or 504 or 522 or 524 => Failed(InferenceError.Timeout, $"HTTP {status}", retryAfter),
        409 or 425 or 429 => Failed(InferenceError.RateLimited, $"HTTP {status}", retryAfter),
        502 or 503 or (>= 520 and <= 530) => Failed(InferenceError.Unavailable, $"HTTP {status}", retryAfter),
        >= 500 => Failed(InferenceError.ServerError, $"HTTP {status}", retryAfter),
        404 when message is not null && UnknownModel.IsMatch(message) => Failed(InferenceError.UnknownModel, "HTTP 404, no model of this name is served"),
        404 => Failed(InferenceError.Misconfigured, "HTTP 404"),
        _ => Failed(InferenceError.Misconfigured, $"HTTP {status}"),
    };

    /// <summary>The outcome for an HTTP reply that is no success.</summary>
    public static InferenceOutcome FromReply(int status, ReadOnlyMemory<byte> body, TimeSpan? retryAfter)
    {
        var hasError = ModelServerError.TryRead(body, out var error);

        // A model server explains a 400. One without a word comes from something in between, and would refuse every request alike.
        return status is 400 or 422 && !hasError
            ? Failed(InferenceError.Misconfigured, $"HTTP {status} without an error object")
            : FromStatus(status, error.Message, retryAfter);
    }

    public static InferenceOutcome.Failed UnusableReply(string reason) => Failed(InferenceError.UnusableReply, reason);

    public static InferenceOutcome.Failed InvalidAnswer(string reason) => Failed(InferenceError.InvalidAnswer, reason);

    public static InferenceOutcome.Failed Failed(InferenceError error, string message, TimeSpan? retryAfter = null) => new(error, message, retryAfter);

    /// <summary>Whether the words say that prompt and answer do not fit the model's context.</summary>
    public static bool IsContextOverflow(string message) => message.Contains("maximum context length", StringComparison.Ordinal);

    public static InferenceOutcome.Refused ContextOverflow(string message)
    {
        var limit = ContextLimit.Match(message) is { Success: true } match
            ? string.Create(CultureInfo.InvariantCulture, $"prompt and max_tokens together exceed the model's {match.ValueSpan} tokens")
            : "prompt and max_tokens together exceed the model's context";
        return new InferenceOutcome.Refused("invalid_request_error", $"prompt is too long: {limit}");
    }

    private static InferenceOutcome.Refused Refused(int status, string? message) => message switch
    {
        null => new InferenceOutcome.Refused("invalid_request_error", $"The model server refused the request (HTTP {status})."),
        _ when IsContextOverflow(message) => ContextOverflow(message),
        _ => new InferenceOutcome.Refused("invalid_request_error", Excerpt.Of(message, LongestMessage)),
    };

    [GeneratedRegex(@"(?<=maximum context length (is|of) )\d+")]
    private static partial Regex ContextLimit { get; }

    // vLLM: The model `x` does not exist. Ollama: model "x" not found, try pulling it first.
    [GeneratedRegex(@"\bmodel\b.*(does not exist|not found)|no such model", RegexOptions.IgnoreCase)]
    private static partial Regex UnknownModel { get; }
}
