namespace BatchBus.Inference;

/// <summary>What a caller does about an <see cref="InferenceError"/>.</summary>
public enum ErrorReaction
{
    /// <summary>Try again a few times within seconds, giving the slot back meanwhile; then <see cref="Defer"/>.</summary>
    RetryHere = 1,

    /// <summary>The endpoint is bad, not the request: put it off with backoff; this uses up no attempt.</summary>
    Defer = 2,

    /// <summary>
    /// Try again like <see cref="RetryHere"/>. The request itself may be the cause, so a try uses up an attempt as long as other requests on
    /// the endpoint succeed; with the last attempt the request fails.
    /// </summary>
    RetryAsAttempt = 3,

    /// <summary>Nothing will work until an operator changes a setting: stop calling the endpoint, raise an alarm, keep the requests.</summary>
    StopEndpoint = 4,
}
