namespace BatchBus.Inference.Tests;

public sealed class InferenceErrorsTests
{
    [TestCase(InferenceError.RateLimited, ErrorReaction.RetryHere, false, false, "rate_limit_error")]
    [TestCase(InferenceError.Timeout, ErrorReaction.RetryElsewhere, true, true, "timeout_error")]
    [TestCase(InferenceError.Unreachable, ErrorReaction.Defer, false, true, "overloaded_error")]
    [TestCase(InferenceError.ConnectionLost, ErrorReaction.RetryElsewhere, true, true, "api_error")]
    [TestCase(InferenceError.ServerError, ErrorReaction.RetryElsewhere, true, true, "api_error")]
    [TestCase(InferenceError.Unavailable, ErrorReaction.Defer, false, true, "overloaded_error")]
    [TestCase(InferenceError.UnusableReply, ErrorReaction.RetryElsewhere, true, true, "api_error")]
    [TestCase(InferenceError.InvalidAnswer, ErrorReaction.RetryHere, true, false, "api_error")]
    [TestCase(InferenceError.JobFailed, ErrorReaction.RetryElsewhere, true, true, "api_error")]
    [TestCase(InferenceError.JobLost, ErrorReaction.RetryHere, true, false, "api_error")]
    [TestCase(InferenceError.EngineDown, ErrorReaction.Defer, false, true, "api_error")]
    [TestCase(InferenceError.Unauthorized, ErrorReaction.StopEndpoint, false, true, "api_error")]
    [TestCase(InferenceError.Misconfigured, ErrorReaction.StopEndpoint, false, true, "api_error")]
    [TestCase(InferenceError.UnknownModel, ErrorReaction.StopEndpoint, false, true, "api_error")]
    [TestCase(InferenceError.Refused, ErrorReaction.FailRequest, false, false, "invalid_request_error")]
    public void Each_error_has_its_reaction_its_blame_and_its_type_on_the_wire(
        InferenceError error, ErrorReaction reaction, bool usesAttempt, bool blamesEndpoint, string type)
    {
        var policy = InferenceErrors.PolicyOf(error);
        Assert.That((policy.Reaction, policy.UsesAttempt, policy.BlamesEndpoint, policy.ErrorType), Is.EqualTo((reaction, usesAttempt, blamesEndpoint, type)));
    }

    [Test]
    public void No_error_is_forgotten([Values] InferenceError error) => Assert.That(() => InferenceErrors.PolicyOf(error), Throws.Nothing);
}
