namespace BatchBus.Inference;

/// <summary>What came of one call to a model endpoint.</summary>
public abstract record InferenceOutcome
{
    private InferenceOutcome()
    {
    }

    /// <summary>The model answered.</summary>
    /// <param name="Message">The Messages API's message object as UTF-8 JSON without line breaks.</param>
    /// <param name="Usage">What the answer used.</param>
    public sealed record Succeeded(ReadOnlyMemory<byte> Message, InferenceUsage Usage) : InferenceOutcome
    {
        /// <summary>The model's name, as the endpoint gave it with its answer; null where it did not.</summary>
        public string? ServedBy { get; init; }

        /// <summary>The message's <c>stop_reason</c>.</summary>
        public string? StopReason { get; init; }
    }

    /// <summary>The request itself cannot be answered by this model; calling again would not help.</summary>
    /// <param name="ErrorType">A documented <c>error.type</c>, such as <c>invalid_request_error</c>.</param>
    /// <param name="Message">For the caller: the field and the remedy.</param>
    public sealed record Refused(string ErrorType, string Message) : InferenceOutcome;

    /// <summary>The endpoint failed; the request is as good as before.</summary>
    /// <param name="Error">What went wrong, which decides what to do about it.</param>
    /// <param name="Message">For operators; holds no prompt, completion or key.</param>
    /// <param name="RetryAfter">What the endpoint asked for, if anything.</param>
    /// <param name="JobGoesOn">Whether the job that was submitted may still answer the request.</param>
    public sealed record Failed(InferenceError Error, string Message, TimeSpan? RetryAfter = null, bool JobGoesOn = false) : InferenceOutcome;
}

/// <summary>What one answered request used.</summary>
/// <param name="InputTokens">Prompt tokens, cached ones excluded.</param>
/// <param name="CachedTokens">Prompt tokens that the server had cached.</param>
/// <param name="OutputTokens">Generated tokens.</param>
/// <param name="ExecutionTime">What the endpoint reported as its own time, otherwise the time from call to answer.</param>
/// <param name="Queued">How long the request waited in the endpoint's queue; null where the endpoint does not say.</param>
public readonly record struct InferenceUsage(int InputTokens, int CachedTokens, int OutputTokens, TimeSpan ExecutionTime, TimeSpan? Queued = null);
