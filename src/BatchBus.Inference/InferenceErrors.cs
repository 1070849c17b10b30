namespace BatchBus.Inference;

/// <summary>What each <see cref="InferenceError"/> means for the caller.</summary>
public static class InferenceErrors
{
    /// <summary>What to do next.</summary>
    public static ErrorReaction ReactionTo(InferenceError error) => error switch
    {
        InferenceError.RateLimited => ErrorReaction.RetryHere,
        InferenceError.Timeout => ErrorReaction.RetryAsAttempt,
        InferenceError.Unreachable => ErrorReaction.RetryHere,
        InferenceError.ConnectionLost => ErrorReaction.RetryAsAttempt,
        InferenceError.ServerError => ErrorReaction.RetryAsAttempt,
        InferenceError.Unavailable => ErrorReaction.RetryHere,
        InferenceError.UnusableReply => ErrorReaction.RetryAsAttempt,
        InferenceError.JobFailed => ErrorReaction.RetryAsAttempt,
        InferenceError.JobLost => ErrorReaction.RetryAsAttempt,
        InferenceError.EngineDown => ErrorReaction.Defer,
        InferenceError.Unauthorized => ErrorReaction.StopEndpoint,
        InferenceError.Misconfigured => ErrorReaction.StopEndpoint,
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "Unknown error."),
    };

    /// <summary>The documented <c>error.type</c> of a request that is given up after this error.</summary>
    public static string ErrorTypeOf(InferenceError error) => error switch
    {
        InferenceError.RateLimited => "rate_limit_error",
        InferenceError.Timeout => "timeout_error",
        InferenceError.Unreachable => "overloaded_error",
        InferenceError.ConnectionLost => "api_error",
        InferenceError.ServerError => "api_error",
        InferenceError.Unavailable => "overloaded_error",
        InferenceError.UnusableReply => "api_error",
        InferenceError.JobFailed => "api_error",
        InferenceError.JobLost => "api_error",
        InferenceError.EngineDown => "api_error",
        InferenceError.Unauthorized => "api_error",
        InferenceError.Misconfigured => "api_error",
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "Unknown error."),
    };
}
