using BatchBus.TestServers;

namespace BatchBus.Worker.Tests;

/// <summary>The Redis that tests share which do not take it away; they keep apart by the ids of their batches.</summary>
[SetUpFixture]
public sealed class Servers
{
    private static RedisServer? _redis;

    public static RedisServer Redis => _redis ?? throw new InvalidOperationException("The server is not started.");

    [OneTimeSetUp]
    public async Task StartAsync() => _redis = await RedisServer.StartAsync("no");

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }
    }
}
