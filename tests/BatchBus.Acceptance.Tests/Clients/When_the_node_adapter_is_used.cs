using System.Diagnostics;
using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Api.Keys;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Clients;

/// <summary>The tests of <c>src/node-adapter</c>, each file of them against one installation.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class When_the_node_adapter_is_used(Mode mode)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly string _key = "bbk_" + Guid.NewGuid().ToString("N");
    private string _folder = "";
    private Installation? _installation;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _folder = NodeFolder.Find("src/node-adapter", "typescript");
        await RunAsync("npm", "run", "build");
        _installation = await Installation.StartAsync(mode, SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(20)), settings: new Dictionary<string, string>
        {
            ["BatchBus__ApiKeys__0__Workspace"] = "node",
            ["BatchBus__ApiKeys__0__Hash"] = ApiKey.Hash(_key),
        });
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_installation is not null)
        {
            await _installation.DisposeAsync();
        }
    }

    [TestCase("creating")]
    [TestCase("errors")]
    [TestCase("readme")]
    [TestCase("results")]
    [TestCase("three-lines")]
    [TestCase("waiting")]
    public async Task Should_pass_its_tests(string file)
    {
        var output = await RunAsync("node", "--test", "--test-reporter=tap", $"test/{file}.test.mjs");

        Assert.That(output, Does.Match("(?m)^# pass [1-9]").And.Contain("# fail 0").And.Contain("# skipped 0").And.Contain("# todo 0"));
    }

    [Test]
    public void Should_have_no_tests_but_these()
    {
        var cases = GetType().GetMethod(nameof(Should_pass_its_tests))!.GetCustomAttributes(typeof(TestCaseAttribute), inherit: false)
            .Cast<TestCaseAttribute>().Select(testCase => $"{testCase.Arguments[0]}.test.mjs");
        Assert.That(Directory.GetFiles(Path.Combine(_folder, "test")).Select(Path.GetFileName), Is.EquivalentTo(cases));
    }

    private async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = _folder };
        if (_installation is not null)
        {
            start.Environment["BATCHBUS_URL"] = _installation.Url;
            start.Environment["BATCHBUS_API_KEY"] = _key;
        }

        var result = await Command.RunAsync(start, Patience);
        Assert.That(result.ExitCode, Is.Zero, $"{result.Output}\n{result.Errors}");
        return result.Output;
    }
}
