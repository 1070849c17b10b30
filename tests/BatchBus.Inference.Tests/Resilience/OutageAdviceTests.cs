using BatchBus.Inference.Resilience;

namespace BatchBus.Inference.Tests.Resilience;

public sealed class OutageAdviceTests
{
    [Test]
    public void There_is_advice_for_every_error([Values] InferenceError error)
        => Assert.That(OutageAdvice.Of($"{error}: HTTP 500", "mistral-7b"), Does.EndWith("."));

    [TestCase("Unauthorized: HTTP 401", "BatchBus__Models__llama-70b__ApiKey")]
    [TestCase("Unreachable: no connection", "Start the model server")]
    [TestCase("something else", "log")]
    public void The_advice_names_what_to_look_at(string reason, string word)
        => Assert.That(OutageAdvice.Of(reason, "llama-70b"), Does.Contain(word));
}
