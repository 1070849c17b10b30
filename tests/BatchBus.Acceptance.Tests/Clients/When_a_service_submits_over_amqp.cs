using System.Globalization;
using System.Text.Json;
using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Contracts;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Clients;

/// <summary>The service is <c>infra/samples/submit-over-amqp.mjs</c>, which knows RabbitMQ and JSON and nothing of MassTransit.</summary>
public sealed class When_a_service_submits_over_amqp
{
    private readonly string _directory = Directory.CreateTempSubdirectory("batchbus-amqp-").FullName;
    private Installation _installation = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _installation = await Installation.StartAsync(Mode.Real, SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(20)));

        // As a reader would run it: in a folder of its own, with its one package.
        var packages = Path.Combine(NodeFolder.Find("tests/node-services", "amqplib"), "node_modules");
        File.CreateSymbolicLink(Path.Combine(_directory, "node_modules"), packages);
        File.Copy(Path.Combine(packages, "../../../infra/samples/submit-over-amqp.mjs"), Path.Combine(_directory, "submit-over-amqp.mjs"));
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _installation.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public async Task Should_hear_that_its_batch_is_accepted_and_then_that_it_has_ended()
    {
        await using var service = await ChildProcess.StartAsync(
            "node",
            [Path.Combine(_directory, "submit-over-amqp.mjs")],
            new Dictionary<string, string> { ["RABBITMQ_URL"] = Servers.RabbitMq.ConnectionString + _installation.VirtualHost });
        var output = await Eventually.ReadAsync(
            () => Task.FromResult(service.Output), output => output.Contains("ended {", StringComparison.Ordinal), "the service has heard of the end", TimeSpan.FromSeconds(60));
        await Eventually.ThatAsync(() => service.HasExited, "the service has closed its connection");

        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Has.Length.EqualTo(2), output);
        var batchId = Guid.Parse(lines[0]["accepted ".Length..], CultureInfo.InvariantCulture);
        var ended = JsonElement.Parse(lines[1]["ended ".Length..]);
        var batch = await _installation.Http.GetStringAsync($"/v1/messages/batches/{BatchId.Format(batchId)}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ended.GetProperty("batchId").GetGuid(), Is.EqualTo(batchId));
            Assert.That(ended.GetProperty("counts").GetProperty("succeeded").GetInt32(), Is.EqualTo(2));
            Assert.That(JsonElement.Parse(batch).GetProperty("processing_status").GetString(), Is.EqualTo("ended"));
        }
    }
}
