namespace BatchBus.Inference.Resilience;

/// <summary>What an operator can do about an endpoint that is out of use.</summary>
public static class OutageAdvice
{
    /// <summary>The advice, in a sentence or two.</summary>
    /// <param name="reason">Why the endpoint is out of use, beginning with an <see cref="InferenceError"/>.</param>
    /// <param name="model">The model that it serves, as in its settings.</param>
    public static string Of(string reason, string model)
        => Enum.TryParse<InferenceError>(reason.Split(':')[0], out var error) ? Of(error, model) : "Look at the endpoint's own log.";

    private static string Of(InferenceError error, string model) => error switch
    {
        InferenceError.Unauthorized => $"Check BatchBus__Models__{model}__ApiKey, the key's rights and the account's balance, and restart the workers where a setting changes.",
        InferenceError.Misconfigured => $"Check BatchBus__Models__{model}__BaseUrl or __EndpointId, __Protocol and __ServedModel, and restart the workers.",
        InferenceError.Unreachable => $"Start the model server, and check that the workers can reach the address in BatchBus__Models__{model}__BaseUrl.",
        InferenceError.EngineDown => "Restart the endpoint's GPU workers: their model server is dead. Look at its log for memory errors.",
        InferenceError.Unavailable or InferenceError.ConnectionLost => "The server in front of the model answers, or nearly so, but not the model. See in the endpoint's console whether its GPU workers run.",
        InferenceError.Timeout => $"The model takes too long. Look at its load and log; lower Prefetch or raise BatchBus__Models__{model}__RequestTimeout.",
        InferenceError.RateLimited => $"The endpoint allows fewer calls. Lower BatchBus__Models__{model}__MaxInFlight or raise the endpoint's limits.",
        InferenceError.UnusableReply => $"Something other than a model server answers. Check BatchBus__Models__{model}__BaseUrl and __Protocol.",
        InferenceError.ServerError or InferenceError.JobFailed or InferenceError.JobLost or InferenceError.InvalidAnswer or InferenceError.Refused => "Look at the model server's log: it fails at what it is asked.",
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "Unknown error."),
    };
}
