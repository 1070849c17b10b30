using System.Diagnostics;
using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Clients;

[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class When_the_official_node_client_is_used(Mode mode)
{
    [TestCase("@anthropic-ai/sdk")]
    [TestCase("anthropic-old")]
    public async Task Should_create_poll_read_results_list_cancel_and_delete(string package)
    {
        await using var installation = await Installation.StartAsync(mode, SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(20)));
        var folder = NodeFolder.Find("tests/node-sdk", package);
        var start = new ProcessStartInfo("node", ["batches.mjs", package]) { WorkingDirectory = folder };
        start.Environment["BASE_URL"] = installation.Url;
        var node = await Command.RunAsync(start, TimeSpan.FromMinutes(1));

        Assert.That(node.ExitCode, Is.Zero, node.Errors);
        Assert.That(node.Output, Does.Contain("3 results, all in place"));
    }
}
