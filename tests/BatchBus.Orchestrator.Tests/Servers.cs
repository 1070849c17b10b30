using BatchBus.TestServers;
using StackExchange.Redis;

namespace BatchBus.Orchestrator.Tests;

/// <summary>One Redis for the whole run; tests keep apart by the ids of their batches and the names of their models.</summary>
[SetUpFixture]
public sealed class Servers
{
    private static RedisServer? _server;
    private static ConnectionMultiplexer? _connection;

    public static IConnectionMultiplexer Redis => _connection ?? throw new InvalidOperationException("The server is not started.");

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await RedisServer.StartAsync("no");
        _connection = await ConnectionMultiplexer.ConnectAsync(_server.ConnectionString);
    }

    /// <summary>A bus whose Redis database is its own.</summary>
    internal static Task<HeldBus> StartHeldBusAsync(int database) => HeldBus.StartAsync($"{_server!.ConnectionString},defaultDatabase={database},allowAdmin=true");

    /// <summary>Empties the database of a bus.</summary>
    internal static Task EmptyAsync(HeldBus bus) => bus.Redis.GetServers()[0].FlushDatabaseAsync(bus.Redis.GetDatabase().Database);

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }

        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }
}
