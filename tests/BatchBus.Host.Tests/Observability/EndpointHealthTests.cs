using BatchBus.Host.Observability;
using BatchBus.Inference;
using BatchBus.Storage.Endpoints;

namespace BatchBus.Host.Tests.Observability;

public sealed class EndpointHealthTests
{
    [TestCase(InferenceError.Unauthorized, true, "Check BatchBus__Models__mistral-7b__ApiKey")]
    [TestCase(InferenceError.Misconfigured, true, "Check BatchBus__Models__mistral-7b__BaseUrl or __EndpointId")]
    [TestCase(InferenceError.UnknownModel, true, "Set BatchBus__Models__mistral-7b__ServedModel (with batchbus run: --served-model mistral-7b=NAME)")]
    [TestCase(InferenceError.Unavailable, false, "tried again every few seconds")]
    public void Each_outage_has_the_remedy_that_fits(InferenceError error, bool isStopped, string remedy)
        => Assert.That(EndpointHealth.Remedy("mistral-7b", new EndpointOutage(DateTimeOffset.UnixEpoch, isStopped, $"{error}: HTTP status")), Does.Contain(remedy));
}
