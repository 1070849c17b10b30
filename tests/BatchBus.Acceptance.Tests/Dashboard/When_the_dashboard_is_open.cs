using System.Diagnostics;
using System.Text.Json;
using BatchBus.Acceptance.Tests.Clients;
using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Api.Keys;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Dashboard;

/// <summary>The tests of <c>tests/node-dashboard</c>: the page in a real Chromium. In one mode, since what it reads from the API is tested in both.</summary>
public sealed class When_the_dashboard_is_open
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private static readonly string[] Workspaces = ["keyed", "empty", "busy", "ended", "canceled", "narrow", "failing"];

    [Test]
    public async Task Should_pass_its_tests_in_a_browser()
    {
        var folder = NodeFolder.Find("tests/node-dashboard", "puppeteer-core");
        Assert.That(File.Exists("/usr/bin/chromium"), Is.True, "Chromium is not installed: infra/test.sh installs it");
        var keys = Workspaces.ToDictionary(workspace => workspace, _ => ApiKey.New());
        var settings = new Dictionary<string, string> { ["BatchBus__Worker__TrialInterval"] = "00:00:01" };
        foreach (var (index, (workspace, key)) in keys.Index())
        {
            settings[$"BatchBus__ApiKeys__{index}__Workspace"] = workspace;
            settings[$"BatchBus__ApiKeys__{index}__Hash"] = ApiKey.Hash(key);
        }

        await using var installation = await Installation.StartAsync(Mode.Embedded, SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(20)), settings: settings);
        var start = new ProcessStartInfo("node", ["--test", "--test-reporter=tap", "dashboard.mjs"]) { WorkingDirectory = folder };
        start.Environment["BATCHBUS_URL"] = installation.Url;
        start.Environment["SIMULATOR_URL"] = installation.Simulator.BaseAddress.GetLeftPart(UriPartial.Authority);
        start.Environment["KEYS"] = JsonSerializer.Serialize(keys);
        var node = await Command.RunAsync(start, Patience);

        Assert.That(node.Output, Does.Match("(?m)^# pass 10$").And.Contain("# fail 0\n").And.Contain("# skipped 0\n").And.Contain("# todo 0\n"), node.Errors);
    }
}
