namespace BatchBus.Inference;

/// <summary>The table of what each <see cref="InferenceError"/> leads to.</summary>
public static class InferenceErrors
{
    /// <summary>What an error leads to.</summary>
    public static ErrorPolicy PolicyOf(InferenceError error) => error switch
    {
        InferenceError.RateLimited => new(ErrorReaction.RetryHere, false, "rate_limit_error"),
        InferenceError.Timeout => new(ErrorReaction.RetryElsewhere, true, "timeout_error"),
        InferenceError.Unreachable => new(ErrorReaction.Defer, false, "overloaded_error"),
        InferenceError.ConnectionLost => new(ErrorReaction.RetryElsewhere, true, "api_error"),
        InferenceError.ServerError => new(ErrorReaction.RetryElsewhere, true, "api_error"),
        InferenceError.Unavailable => new(ErrorReaction.Defer, false, "overloaded_error"),
        InferenceError.UnusableReply => new(ErrorReaction.RetryElsewhere, true, "api_error"),
        InferenceError.JobFailed => new(ErrorReaction.RetryElsewhere, true, "api_error"),
        InferenceError.JobLost => new(ErrorReaction.RetryHere, true, "api_error"),
        InferenceError.EngineDown => new(ErrorReaction.Defer, false, "api_error"),
        InferenceError.Unauthorized => new(ErrorReaction.StopEndpoint, false, "api_error"),
        InferenceError.Misconfigured => new(ErrorReaction.StopEndpoint, false, "api_error"),
        InferenceError.UnknownModel => new(ErrorReaction.StopEndpoint, false, "api_error"),
        InferenceError.InvalidAnswer => new(ErrorReaction.RetryHere, true, "api_error"),
        InferenceError.Refused => new(ErrorReaction.FailRequest, false, "invalid_request_error"),
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "Unknown error."),
    };
}
