using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Garnet;

namespace BatchBus.Host.Embedded;

/// <summary>
/// Garnet in this process, on a loopback port, in place of a Redis server. Every write is in its append-only file before it is
/// answered, and scripts run as transactions, as they do on Redis. The file is all that is kept: it is rewritten at a start once it is
/// large, for Garnet's own checkpoints mix up objects when it recovers from them (2.2.8; with <c>--reviv</c> keys become unreachable,
/// too: microsoft/garnet#2127).
/// </summary>
internal sealed class EmbeddedStore : IDisposable
{
    /// <summary>Bytes of the append-only file at which a start rewrites it.</summary>
    public const long RewriteSize = 256 << 20;

    private readonly GarnetServer _server;
    private readonly FileStream _lock;

    private EmbeddedStore(GarnetServer server, int port, FileStream directoryLock, Exception? rewriteFailure)
    {
        _server = server;
        _lock = directoryLock;
        ConnectionString = Address(port);
        RewriteFailure = rewriteFailure;
    }

    public string ConnectionString { get; }

    /// <summary>Why the append-only file was not rewritten although it is large; null where it was, or is small.</summary>
    public Exception? RewriteFailure { get; }

    /// <summary>Starts it on what its folder holds.</summary>
    /// <param name="directory">The folder, which is made where there is none.</param>
    /// <param name="memory">
    /// Bytes that it may take. It drops the oldest data beyond that, without a word: this has to be more than there can ever be, and
    /// what is deleted makes room again (<c>--reviv</c>).
    /// </param>
    /// <param name="rewriteSize">Bytes of the append-only file at which it is rewritten.</param>
    /// <exception cref="DataFolderInUseException">Another process uses the folder.</exception>
    public static async Task<EmbeddedStore> StartAsync(string directory, long memory, long rewriteSize = RewriteSize)
    {
        Directory.CreateDirectory(directory);
        var directoryLock = Lock(directory);
        var generations = new StoreGenerations(directory);
        var (server, port) = Serve(generations.Current, memory);
        if (!generations.HasCheckpoint && generations.LogSize < rewriteSize)
        {
            return new EmbeddedStore(server, port, directoryLock, rewriteFailure: null);
        }

        var failure = await TryCopyAsync(port, generations.Unfinished, memory);
        if (failure is null)
        {
            server.Dispose();
            generations.Advance();
            (server, port) = Serve(generations.Current, memory);

            // Two stores are gone whose memory nothing would ask back for long.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive);
        }

        return new EmbeddedStore(server, port, directoryLock, failure);
    }

    public void Dispose()
    {
        _server.Dispose();
        _lock.Dispose();
    }

    private static async Task<Exception?> TryCopyAsync(int port, string folder, long memory)
    {
        try
        {
            var (copy, copyPort) = Serve(folder, memory);
            using (copy)
            {
                await StoreCopy.RunAsync(Address(port), Address(copyPort));
            }

            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    private static FileStream Lock(string directory)
    {
        try
        {
            return new FileStream(Path.Combine(directory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new DataFolderInUseException(directory);
        }
    }

    private static (GarnetServer Server, int Port) Serve(string folder, long memory)
    {
        var port = FreePort();
        var server = new GarnetServer([
            "--bind", "127.0.0.1",
            "--port", port.ToString(CultureInfo.InvariantCulture),
            "--lua", "--lua-transaction-mode",
            "--aof", "--aof-commit-wait", "--recover", "--fail-on-recovery-error",
            "--checkpointdir", folder,

            // With more it makes a database to look for others, and throws it away: at times its buffers come back as the real one's,
            // cleared and so in memory, 50 MB before the first batch.
            "--max-databases", "1",
            "--device-type", "RandomAccess",
            "--reviv", "--memory", memory.ToString(CultureInfo.InvariantCulture), "--page", "4m", "--index", "4m",
            "--aof-memory", "64m", "--aof-page-size", "32m",
            "--logger-level", "Error", "-q",
        ]);
        server.Start();
        return (server, port);
    }

    private static string Address(int port) => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
