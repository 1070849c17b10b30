using System.Diagnostics;
using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Simulator;

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
        var start = new ProcessStartInfo("node", ["batches.mjs", package]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["BASE_URL"] = installation.Url;
        using var node = Process.Start(start)!;
        var output = node.StandardOutput.ReadToEndAsync();
        var errors = node.StandardError.ReadToEndAsync();
        await node.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));

        Assert.That(node.ExitCode, Is.Zero, await errors);
        Assert.That(await output, Does.Contain("3 results, all in place"));
    }
}
