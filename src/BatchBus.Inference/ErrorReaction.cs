namespace BatchBus.Inference;

/// <summary>What a caller does about an <see cref="InferenceError"/>.</summary>
public enum ErrorReaction
{
    /// <summary>Try again at the same endpoint after a pause; the slot is given back meanwhile.</summary>
    RetryHere = 1,

    /// <summary>Try again at whichever endpoint is the best by then. The failure speaks against the endpoint.</summary>
    RetryElsewhere = 2,

    /// <summary>
    /// As <see cref="RetryElsewhere"/>, but certainly not the request's doing: it waits for as long as it takes, and its attempts stay as
    /// they are.
    /// </summary>
    Defer = 3,

    /// <summary>Calling again would not help: the request ends errored.</summary>
    FailRequest = 4,

    /// <summary>Nothing will work until an operator changes something: stop calling the endpoint, raise an alarm, keep the requests.</summary>
    StopEndpoint = 5,
}
