using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BatchBus.TestServers;
using Garnet;
using StackExchange.Redis;

namespace BatchBus.Storage.Tests;

/// <summary>The servers that the store must behave alike on.</summary>
public enum StoreServer
{
    /// <summary>A real redis-server.</summary>
    Redis,

    /// <summary>Garnet in this process, started as the embedded mode starts it.</summary>
    Garnet,
}

/// <summary>One server of each kind for the whole assembly.</summary>
[SetUpFixture]
public sealed class StoreServers
{
    private static readonly DirectoryInfo GarnetDirectory = Directory.CreateTempSubdirectory("batchbus-garnet-");
    private static readonly Dictionary<StoreServer, string> ConnectionStrings = [];
    private static readonly Dictionary<StoreServer, IConnectionMultiplexer> Connections = [];

    private static RedisServer? _redis;
    private static GarnetServer? _garnet;

    /// <summary>The connection that most tests share.</summary>
    public static IConnectionMultiplexer Shared(StoreServer server) => Connections[server];

    public static IPEndPoint Address(StoreServer server) => IPEndPoint.Parse(ConnectionStrings[server]);

    /// <summary>One more connection, for what must not be put in order by sharing one.</summary>
    public static async Task<IConnectionMultiplexer> ConnectAsync(StoreServer server)
    {
        var options = ConfigurationOptions.Parse(ConnectionStrings[server]);
        options.AsyncTimeout = options.SyncTimeout = options.ConnectTimeout = 30_000;
        return await ConnectionMultiplexer.ConnectAsync(options);
    }

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _redis = await RedisServer.StartAsync("no");
        ConnectionStrings[StoreServer.Redis] = _redis.ConnectionString;

        var port = FreePort();
        _garnet = new GarnetServer([
            "--bind", "127.0.0.1",
            "--port", port.ToString(CultureInfo.InvariantCulture),
            "--lua", "--lua-transaction-mode",
            "--aof", "--aof-commit-wait", "--recover", "--fail-on-recovery-error",
            "--checkpointdir", GarnetDirectory.FullName,
            "--device-type", "RandomAccess",
            "--reviv", "--memory", "4g", "--page", "4m", "--index", "16m",
            "--aof-memory", "64m", "--aof-page-size", "32m",
            "--logger-level", "Error", "-q",
        ]);
        _garnet.Start();
        ConnectionStrings[StoreServer.Garnet] = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");

        foreach (var server in Enum.GetValues<StoreServer>())
        {
            Connections[server] = await ConnectAsync(server);
        }
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        foreach (var connection in Connections.Values)
        {
            await connection.DisposeAsync();
        }

        _garnet?.Dispose();
        GarnetDirectory.Delete(recursive: true);
        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
