using System.Globalization;

namespace BatchBus.Inference.Resilience;

/// <summary>What an operator can do about an endpoint that is out of use.</summary>
public static class OutageAdvice
{
    /// <summary>The advice, in a sentence or two.</summary>
    /// <param name="reason">Why the endpoint is out of use, beginning with an <see cref="InferenceError"/>.</param>
    /// <param name="endpoint">The endpoint's name, which says where its settings are.</param>
    public static string Of(string reason, string endpoint)
    {
        if (!Enum.TryParse<InferenceError>(reason.Split(':')[0], out var error))
        {
            return "Look at the endpoint's own log.";
        }

        var (model, fallback) = endpoint.Split('/') is [var name, var rank]
            ? (name, string.Create(CultureInfo.InvariantCulture, $"__Fallbacks__{int.Parse(rank, CultureInfo.InvariantCulture) - 2}"))
            : (endpoint, "");
        return Of(error, model, $"BatchBus__Models__{model}{fallback}");
    }

    private static string Of(InferenceError error, string model, string endpoint) => error switch
    {
        InferenceError.Unauthorized => $"Check {endpoint}__ApiKey, the key's rights and the account's balance, and restart where a setting changes.",
        InferenceError.Misconfigured => $"Check {endpoint}__BaseUrl or __EndpointId and __Protocol (with batchbus run: --endpoint), and restart.",
        InferenceError.UnknownModel => $"Set {endpoint}__ServedModel (with batchbus run: --served-model {model}=NAME) to a name that the server lists at /v1/models and restart, or load the model there.",
        InferenceError.Unreachable => $"Start the model server, and check that the workers can reach the address in {endpoint}__BaseUrl (with batchbus run: --endpoint).",
        InferenceError.EngineDown => "Restart the endpoint's GPU workers: their model server is dead. Look at its log for memory errors.",
        InferenceError.Unavailable => "The gateway in front of the model answers, the model does not. See in the endpoint's console whether its GPU workers run.",
        InferenceError.ConnectionLost => "The connection breaks while the model answers. Look for restarts in the model server's log, and at the network between.",
        InferenceError.Timeout => $"The model takes too long. Look at its load and log; lower BatchBus__Models__{model}__Prefetch or raise BatchBus__Models__{model}__RequestTimeout.",
        InferenceError.RateLimited => $"The endpoint allows fewer calls. Lower {endpoint}__MaxInFlight or raise the endpoint's limits.",
        InferenceError.UnusableReply => $"Something other than a model server answers. Check {endpoint}__BaseUrl and __Protocol.",
        InferenceError.ServerError or InferenceError.JobFailed or InferenceError.JobLost or InferenceError.InvalidAnswer or InferenceError.Refused => "Look at the model server's log: it fails at what it is asked.",
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "Unknown error."),
    };
}
