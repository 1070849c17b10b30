using BatchBus.Inference.Resilience;

namespace BatchBus.Inference.Tests.Resilience;

public sealed class OutageAdviceTests
{
    [Test]
    public void There_is_advice_for_every_error([Values] InferenceError error)
        => Assert.That(OutageAdvice.Of($"{error}: HTTP 500", "mistral-7b"), Does.EndWith("."));

    [TestCase("llama-70b", "Unauthorized: HTTP 401", "BatchBus__Models__llama-70b__ApiKey")]
    [TestCase("llama-70b/3", "Unauthorized: HTTP 401", "BatchBus__Models__llama-70b__Fallbacks__1__ApiKey")]
    [TestCase("llama-70b/2", "Timeout: HTTP 504", "BatchBus__Models__llama-70b__RequestTimeout")]
    [TestCase("llama-70b", "Unreachable: no connection", "Start the model server")]
    [TestCase("llama-70b", "something else", "log")]
    public void The_advice_names_what_to_look_at(string endpoint, string reason, string word)
        => Assert.That(OutageAdvice.Of(reason, endpoint), Does.Contain(word));
}
