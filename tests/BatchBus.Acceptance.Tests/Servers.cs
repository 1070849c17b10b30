using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests;

/// <summary>One RabbitMQ and one Redis for the whole run; each test has a virtual host and a data set of its own.</summary>
[SetUpFixture]
public sealed class Servers
{
    private static RabbitMqServer? _rabbitMq;

    public static RabbitMqServer RabbitMq => _rabbitMq ?? throw new InvalidOperationException("The servers are not started.");

    [OneTimeSetUp]
    public async Task StartAsync() => _rabbitMq = await RabbitMqServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_rabbitMq is not null)
        {
            await _rabbitMq.DisposeAsync();
        }
    }
}
