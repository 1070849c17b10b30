using BatchBus.TestServers;
using Garnet;
using StackExchange.Redis;

namespace BatchBus.RedisSagas.Tests;

/// <summary>The servers of this test run: the Redis of production and the Garnet of the embedded mode. Fixtures keep apart by key prefix.</summary>
[SetUpFixture]
public sealed class Servers
{
    private static RedisServer? _redisServer;
    private static GarnetServer? _garnetServer;
    private static Dictionary<StoreKind, ConnectionMultiplexer> _connections = [];

    public static IConnectionMultiplexer Redis => Connection(StoreKind.Redis);

    public static string RedisConnectionString => _redisServer!.ConnectionString;

    public static IConnectionMultiplexer Connection(StoreKind kind) => _connections[kind];

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _redisServer = await RedisServer.StartAsync();
        var garnetPort = LoopbackPort.FindFree();
        _garnetServer = new GarnetServer(
            ["--bind", "127.0.0.1", "--port", $"{garnetPort}", "--lua", "--lua-transaction-mode", "--memory", "64m", "--index", "8m", "-q"]);
        _garnetServer.Start();
        _connections = new()
        {
            [StoreKind.Redis] = await ConnectionMultiplexer.ConnectAsync(_redisServer.ConnectionString),
            [StoreKind.Garnet] = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{garnetPort}"),
        };
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        foreach (var connection in _connections.Values)
        {
            await connection.DisposeAsync();
        }

        _garnetServer?.Dispose();
        if (_redisServer is not null)
        {
            await _redisServer.DisposeAsync();
        }
    }
}
