namespace BatchBus.Inference;

/// <summary>What one <see cref="InferenceError"/> leads to.</summary>
/// <param name="Reaction">What to do next.</param>
/// <param name="UsesAttempt">
/// Whether the request itself may be the cause. Then a try uses up an attempt, where the endpoint may be the cause as well only while other
/// requests succeed at it, and with the last attempt the request fails.
/// </param>
/// <param name="ErrorType">The documented <c>error.type</c> of a request that is given up after this error.</param>
public readonly record struct ErrorPolicy(ErrorReaction Reaction, bool UsesAttempt, string ErrorType)
{
    /// <summary>Whether the failure is the endpoint's, and counts towards taking it out of use.</summary>
    public bool BlamesEndpoint => Reaction is ErrorReaction.RetryElsewhere or ErrorReaction.Defer or ErrorReaction.StopEndpoint;
}
