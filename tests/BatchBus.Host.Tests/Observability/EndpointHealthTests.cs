using BatchBus.Host.Observability;
using BatchBus.Inference;
using BatchBus.Storage.Endpoints;

namespace BatchBus.Host.Tests.Observability;

public sealed class EndpointHealthTests
{
    private const string Settings = "BatchBus__Models__mistral-7b__";

    [TestCase(InferenceError.Unauthorized, true, "set BatchBus__Models__mistral-7b__ApiKey")]
    [TestCase(InferenceError.Misconfigured, true, "check BatchBus__Models__mistral-7b__EndpointId")]
    [TestCase(InferenceError.Unavailable, false, "it is tried again")]
    public void Each_outage_has_the_remedy_that_fits(InferenceError error, bool isStopped, string remedy)
        => Assert.That(EndpointHealth.Remedy("mistral-7b", Settings, new EndpointOutage(DateTimeOffset.UnixEpoch, isStopped, $"{error}: HTTP status")), Does.StartWith("mistral-7b: ").And.Contain(remedy));
}
