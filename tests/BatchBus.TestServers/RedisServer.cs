namespace BatchBus.TestServers;

/// <summary>A real Redis on a free loopback port, with its own data, for the life of a test fixture.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private const string Binary = "/usr/bin/redis-server";

    private readonly string _appendFsync;
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("batchbus-redis-");
    private ChildProcess? _process;

    private RedisServer(string appendFsync) => _appendFsync = appendFsync;

    /// <summary>The TCP port on 127.0.0.1; the same after a restart.</summary>
    public int Port { get; private set; }

    /// <summary>"127.0.0.1:port".</summary>
    public string ConnectionString => $"127.0.0.1:{Port}";

    /// <summary>Starts a server with an append-only file and waits until it answers PING.</summary>
    /// <param name="appendFsync">Redis' <c>appendfsync</c>: <c>always</c>, <c>everysec</c> or <c>no</c>.</param>
    /// <exception cref="FileNotFoundException">redis-server is not installed.</exception>
    public static async Task<RedisServer> StartAsync(string appendFsync = "always")
    {
        Installed.Require(Binary);
        var server = new RedisServer(appendFsync);
        await Starting.OnFreePortsAsync(
            async () =>
            {
                server.Port = LoopbackPort.FindFree();
                await server.LaunchAsync();
            },
            server);
        return server;
    }

    /// <summary>Ends the server in order (SIGTERM), as a planned restart would.</summary>
    public Task StopAsync(CancellationToken cancellationToken = default) => _process?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    /// <summary>Ends the server at once (SIGKILL), as a crash would.</summary>
    public void Kill() => _process?.Kill();

    /// <summary>Starts the server again on the same port and data; ends it in order first if it runs.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await StopAsync(cancellationToken);
        await LaunchAsync();
    }

    /// <summary>Bytes of the append-only file as it is written now.</summary>
    public long AppendOnlyBytes => AppendOnlyFile.Length;

    /// <summary>Cuts the append-only file of a server that does not run back to an earlier length, as if what came later had never been written.</summary>
    public void TruncateAppendOnlyFile(long bytes)
    {
        using var file = AppendOnlyFile.OpenWrite();
        file.SetLength(bytes);
    }

    private FileInfo AppendOnlyFile => new DirectoryInfo(Path.Combine(_directory.FullName, "appendonlydir")).GetFiles("*.incr.aof").OrderBy(file => file.LastWriteTimeUtc).Last();

    /// <summary>Kills the server and removes its data.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _directory.Delete(recursive: true);
    }

    private async Task LaunchAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _process = await ChildProcess.StartAsync(
            Binary,
            [
                "--bind", "127.0.0.1", "--port", $"{Port}", "--dir", _directory.FullName,
                "--appendonly", "yes", "--appendfsync", _appendFsync, "--save", "",
            ]);
        await Starting.UntilAsync(() => LoopbackPort.AnswersAsync(Port, "PING\r\n"u8.ToArray(), "+PONG"u8.ToArray()), "Redis", _process);
    }
}
