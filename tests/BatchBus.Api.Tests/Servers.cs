using System.Collections.Concurrent;
using BatchBus.TestServers;
using StackExchange.Redis;

namespace BatchBus.Api.Tests;

/// <summary>One RabbitMQ and one Redis for the whole run; each BatchBus has a virtual host and an empty database of its own.</summary>
[SetUpFixture]
public sealed class Servers
{
    /// <summary>As many as Redis has when nothing is said.</summary>
    private const int Databases = 16;

    /// <summary>Virtual hosts that are made at once: a call for each would take longer than the tests.</summary>
    private const int VirtualHosts = 50;

    private static readonly ConcurrentQueue<int> FreeDatabases = new(Enumerable.Range(0, Databases));
    private static readonly ConcurrentQueue<string> FreshVirtualHosts = new();
    private static RabbitMqServer? _rabbitMq;
    private static RedisServer? _redis;
    private static ConnectionMultiplexer? _connection;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        var rabbitMq = RabbitMqServer.StartAsync();
        _redis = await RedisServer.StartAsync();
        _connection = await ConnectionMultiplexer.ConnectAsync($"{_redis.ConnectionString},allowAdmin=true");
        _rabbitMq = await rabbitMq;
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        foreach (var server in new IAsyncDisposable?[] { _connection, _redis, _rabbitMq })
        {
            if (server is not null)
            {
                await server.DisposeAsync();
            }
        }
    }

    /// <summary>A virtual host that nobody has used, as an address.</summary>
    internal static async Task<string> NextVirtualHostAsync()
    {
        string? address;
        while (!FreshVirtualHosts.TryDequeue(out address))
        {
            foreach (var made in await _rabbitMq!.CreateVirtualHostsAsync([.. Enumerable.Range(0, VirtualHosts).Select(_ => $"test-{Guid.NewGuid():N}")]))
            {
                FreshVirtualHosts.Enqueue(made);
            }
        }

        return address;
    }

    /// <summary>The queues of a virtual host that <see cref="NextVirtualHostAsync"/> gave, with what is delivered and not yet settled.</summary>
    internal static Task<IReadOnlyList<QueueInfo>> QueuesAsync(string address) => _rabbitMq!.QueuesAsync(new Uri(address).AbsolutePath[1..]);

    /// <summary>Borrows an empty database until it is given back by <see cref="GiveBackAsync"/>.</summary>
    internal static (int Number, string ConnectionString) BorrowDatabase() => FreeDatabases.TryDequeue(out var number)
        ? (number, $"{_redis!.ConnectionString},defaultDatabase={number}")
        : throw new InvalidOperationException("More installations are alive than Redis has databases.");

    internal static async Task GiveBackAsync(int database)
    {
        await _connection!.GetServers()[0].FlushDatabaseAsync(database);
        FreeDatabases.Enqueue(database);
    }
}
