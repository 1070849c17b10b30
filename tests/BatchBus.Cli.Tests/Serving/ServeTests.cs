using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BatchBus.TestServers;

namespace BatchBus.Cli.Tests.Serving;

public sealed class ServeTests
{
    private CommandLine _cli = null!;

    [SetUp]
    public void SetUp() => _cli = new CommandLine();

    [TearDown]
    public void TearDown() => _cli.Dispose();

    [TestCase("ConnectionStrings:RabbitMq is not", "--ConnectionStrings:Redis", "localhost")]
    [TestCase("BatchBus:Models:mistral-7b:Prefetch is -1", "--BatchBus:Models:mistral-7b:Prefetch=-1")]
    [TestCase("'abc' at 'BatchBus:Models:mistral-7b:Prefetch'", "--BatchBus:Models:mistral-7b:Prefetch=abc")]
    [TestCase("No API key is configured", "--urls", "http://0.0.0.0:0")]
    [TestCase("nonsense", "--urls", "nonsense")]
    public async Task Settings_that_do_not_fit_are_explained_in_a_sentence(string message, params string[] args)
    {
        var run = await _cli.RunAsync(["serve", .. args]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(1));
            Assert.That(run.Errors, Does.Contain("BatchBus cannot start: ").And.Contain(message).And.Not.Contain("   at "));
        }
    }

    [Test]
    public async Task A_port_in_use_is_explained()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}");

        var run = await _cli.RunAsync("serve", "--urls", url);

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Errors, Does.Contain("address already in use").And.Contain("--urls http://127.0.0.1:").And.Not.Contain("   at "));
        Assert.That(run.Errors, Does.Not.Contain("WRN"), "what had started stops in order");
    }

    [Test]
    public async Task An_address_of_another_machine_is_explained()
    {
        var run = await _cli.RunAsync(
            "serve", "--urls", "http://192.0.2.1:8080", "--BatchBus:ApiKeys:0:Workspace", "sales", "--BatchBus:ApiKeys:0:Hash", new string('a', 64));

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Errors, Does.Contain("BatchBus cannot listen: ").And.Contain("--urls").And.Not.Contain("   at "));
    }

    [Test]
    public async Task Says_how_it_is_and_stops_when_asked_to()
    {
        using var serving = _cli.Start("serve", "--urls", "http://127.0.0.1:0");
        await Eventually.ThatAsync(() => serving.Errors.Contains("BatchBus listens on", StringComparison.Ordinal), "the server listens");
        var url = serving.Errors.Split(' ').First(word => word.StartsWith("http://127.0.0.1:", StringComparison.Ordinal));
        var healthy = await _cli.RunAsync("health", "--url", url);

        serving.Interrupt();
        var ended = await serving.EndAsync();

        var gone = await _cli.RunAsync("health", "--url", url);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ended.ExitCode, Is.Zero, ended.Errors);
            Assert.That(ended.Errors, Does.Contain("BatchBus stops"));
            Assert.That(healthy.ExitCode, Is.Zero, healthy.Errors);
            Assert.That(healthy.Output, Does.Contain("\"status\":\"ready\""));
            Assert.That(gone.ExitCode, Is.EqualTo(1));
            Assert.That(gone.Errors, Does.Contain($"Nothing answers at {url}"));
        }
    }
}
