using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Garnet;

namespace BatchBus.Host.Embedded;

/// <summary>
/// Garnet in this process, on a loopback port, in place of a Redis server. Every write is in its append-only file before it is
/// answered, and scripts run as transactions, as they do on Redis.
/// </summary>
internal sealed class EmbeddedStore : IDisposable
{
    private readonly GarnetServer _server;
    private readonly FileStream _lock;

    private EmbeddedStore(GarnetServer server, FileStream directoryLock, int port)
    {
        _server = server;
        _lock = directoryLock;
        ConnectionString = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");
    }

    public string ConnectionString { get; }

    /// <exception cref="DataFolderInUseException">Another process uses the folder.</exception>
    public static EmbeddedStore Start(string directory)
    {
        Directory.CreateDirectory(directory);
        FileStream directoryLock;
        try
        {
            directoryLock = new FileStream(Path.Combine(directory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new DataFolderInUseException(directory);
        }

        var port = FreePort();
        var server = new GarnetServer([
            "--bind", "127.0.0.1",
            "--port", port.ToString(CultureInfo.InvariantCulture),
            "--lua", "--lua-transaction-mode",
            "--aof", "--aof-commit-wait", "--recover", "--fail-on-recovery-error",
            "--checkpointdir", directory,
            "--device-type", "RandomAccess",
            "--memory", "128m", "--page", "4m", "--index", "16m",
            "--aof-memory", "64m", "--aof-page-size", "32m",
            "--logger-level", "Error", "-q",
        ]);
        server.Start();
        return new EmbeddedStore(server, directoryLock, port);
    }

    public void Dispose()
    {
        _server.Dispose();
        _lock.Dispose();
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
