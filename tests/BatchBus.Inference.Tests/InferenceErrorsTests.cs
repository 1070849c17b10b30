namespace BatchBus.Inference.Tests;

public sealed class InferenceErrorsTests
{
    [TestCase(InferenceError.RateLimited, ErrorReaction.RetryHere, "rate_limit_error")]
    [TestCase(InferenceError.Timeout, ErrorReaction.RetryAsAttempt, "timeout_error")]
    [TestCase(InferenceError.Unreachable, ErrorReaction.RetryHere, "overloaded_error")]
    [TestCase(InferenceError.ConnectionLost, ErrorReaction.RetryAsAttempt, "api_error")]
    [TestCase(InferenceError.ServerError, ErrorReaction.RetryAsAttempt, "api_error")]
    [TestCase(InferenceError.Unavailable, ErrorReaction.RetryHere, "overloaded_error")]
    [TestCase(InferenceError.UnusableReply, ErrorReaction.RetryAsAttempt, "api_error")]
    [TestCase(InferenceError.JobFailed, ErrorReaction.RetryAsAttempt, "api_error")]
    [TestCase(InferenceError.JobLost, ErrorReaction.RetryAsAttempt, "api_error")]
    [TestCase(InferenceError.EngineDown, ErrorReaction.Defer, "api_error")]
    [TestCase(InferenceError.Unauthorized, ErrorReaction.StopEndpoint, "api_error")]
    [TestCase(InferenceError.Misconfigured, ErrorReaction.StopEndpoint, "api_error")]
    public void Each_error_has_its_reaction_and_its_type_on_the_wire(InferenceError error, ErrorReaction reaction, string type) =>
        Assert.That((InferenceErrors.ReactionTo(error), InferenceErrors.ErrorTypeOf(error)), Is.EqualTo((reaction, type)));

    [Test]
    public void No_error_is_forgotten([Values] InferenceError error) =>
        Assert.That(() => (InferenceErrors.ReactionTo(error), InferenceErrors.ErrorTypeOf(error)), Throws.Nothing);
}
