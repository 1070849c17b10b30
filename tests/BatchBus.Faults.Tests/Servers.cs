using BatchBus.TestServers;

[assembly: Parallelizable(ParallelScope.Fixtures)]
[assembly: LevelOfParallelism(2)]

namespace BatchBus.Faults.Tests;

/// <summary>One RabbitMQ for all fixtures, each with a virtual host of its own; scenarios that harm the broker itself start another.</summary>
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
