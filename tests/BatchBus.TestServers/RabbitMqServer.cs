using System.Diagnostics;
using System.Text.Json;

namespace BatchBus.TestServers;

/// <summary>A real RabbitMQ on free loopback ports, with its own data, cookie and port mapper, for the life of a test fixture.</summary>
public sealed class RabbitMqServer : IAsyncDisposable
{
    // Debian's wrapper in /usr/sbin changes to the user rabbitmq; the scripts themselves run as anyone.
    private const string Scripts = "/usr/lib/rabbitmq/bin";
    private const string PortMapper = "/usr/bin/epmd";
    private const string LoopbackOnly = "-kernel inet_dist_use_interface {127,0,0,1}";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("batchbus-rabbitmq-");
    private Dictionary<string, string> _environment = [];
    private int _port;
    private int _portMapperPort;
    private ChildProcess? _portMapper;
    private ChildProcess? _broker;

    private RabbitMqServer()
    {
    }

    /// <summary>The TCP port on 127.0.0.1; the same after a restart.</summary>
    public int Port => _port;

    /// <summary>The default virtual host as the default user: "amqp://guest:guest@127.0.0.1:port/".</summary>
    public string ConnectionString => $"amqp://guest:guest@127.0.0.1:{_port}/";

    /// <summary>Starts a broker without plugins and waits until it takes connections (a few seconds).</summary>
    /// <param name="configuration">Text of its <c>rabbitmq.conf</c>; the broker's defaults when not given.</param>
    /// <exception cref="FileNotFoundException">rabbitmq-server is not installed.</exception>
    public static async Task<RabbitMqServer> StartAsync(string? configuration = null)
    {
        Installed.Require($"{Scripts}/rabbitmq-server");
        Installed.Require(PortMapper);
        var server = new RabbitMqServer();
        if (configuration is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(server._directory.FullName, "rabbitmq.conf"), configuration);
        }

        await Starting.OnFreePortsAsync(
            async () =>
            {
                server.ChoosePorts();
                await server.LaunchAsync();
            },
            server);
        return server;
    }

    /// <summary>Adds a virtual host that the default user may use, and returns its connection string.</summary>
    public async Task<string> CreateVirtualHostAsync(string name)
    {
        await RunCtlAsync("add_vhost", name);
        await RunCtlAsync("set_permissions", "-p", name, "guest", ".*", ".*", ".*");
        return ConnectionString + Uri.EscapeDataString(name);
    }

    /// <summary>Adds many virtual hosts that the default user may use, in the time that one takes, and returns their connection strings.</summary>
    public async Task<IReadOnlyList<string>> CreateVirtualHostsAsync(IReadOnlyList<string> names)
    {
        var file = Path.Combine(_directory.FullName, $"{Guid.NewGuid():N}.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new
        {
            vhosts = names.Select(name => new { name }),
            permissions = names.Select(vhost => new { user = "guest", vhost, configure = ".*", write = ".*", read = ".*" }),
        }));
        await RunCtlAsync("import_definitions", file);
        return [.. names.Select(name => ConnectionString + Uri.EscapeDataString(name))];
    }

    /// <summary>The queues of a virtual host, by name.</summary>
    public async Task<IReadOnlyList<QueueInfo>> QueuesAsync(string virtualHost = "/")
    {
        var json = await RunCtlAsync("list_queues", "-p", virtualHost, "--formatter", "json", "name", "messages", "consumers");
        return [.. (JsonSerializer.Deserialize<QueueInfo[]>(json, JsonSerializerOptions.Web) ?? []).OrderBy(queue => queue.Name, StringComparer.Ordinal)];
    }

    /// <summary>Runs <c>rabbitmqctl --quiet</c> against this broker and returns what it prints.</summary>
    /// <exception cref="InvalidOperationException">The command failed; the message carries its output.</exception>
    public Task<string> RunCtlAsync(params string[] args) => RunAsync("rabbitmqctl", args);

    /// <summary>Lets the broker answer Prometheus, and returns where.</summary>
    public async Task<Uri> ExposeMetricsAsync()
    {
        var port = LoopbackPort.FindFree();
        await RunCtlAsync("eval", $"application:set_env(rabbitmq_prometheus, tcp_config, [{{port, {port}}}, {{ip, \"127.0.0.1\"}}], [{{persistent, true}}]).");
        await RunAsync("rabbitmq-plugins", ["enable", "rabbitmq_prometheus"]);
        return new Uri($"http://127.0.0.1:{port}/");
    }

    private async Task<string> RunAsync(string script, string[] args)
    {
        var start = new ProcessStartInfo($"{Scripts}/{script}", ["--quiet", .. args]);
        foreach (var (name, value) in _environment)
        {
            start.Environment[name] = value;
        }

        var result = await Command.RunAsync(start);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"{script} {string.Join(' ', args)} failed: {result.Output}{result.Errors}");
    }

    /// <summary>Deletes a virtual host with all that it held, and makes it again.</summary>
    public async Task EmptyVirtualHostAsync(string name)
    {
        await RunCtlAsync("delete_vhost", name);
        await CreateVirtualHostAsync(name);
    }

    /// <summary>Ends the broker in order (SIGTERM), as a planned restart would.</summary>
    public Task StopAsync(CancellationToken cancellationToken = default) => _broker?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    /// <summary>Ends the broker at once (SIGKILL), as a crash would.</summary>
    public void Kill() => _broker?.Kill();

    /// <summary>Starts the broker again on the same port and data; ends it in order first if it runs.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await StopAsync(cancellationToken);
        await LaunchAsync();
    }

    /// <summary>Kills the broker and its port mapper and removes their data.</summary>
    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _directory.Delete(recursive: true);
    }

    private void ChoosePorts()
    {
        _port = LoopbackPort.FindFree();
        _portMapperPort = LoopbackPort.FindFree();
        var home = _directory.FullName;
        _environment = new Dictionary<string, string>
        {
            ["HOME"] = home, // where Erlang keeps the cookie that broker and rabbitmqctl share
            ["LC_ALL"] = "C.UTF-8",
            ["ERL_EPMD_PORT"] = $"{_portMapperPort}",
            ["RABBITMQ_ALLOW_INPUT"] = "1", // makes the script become the broker instead of its parent; -noinput takes the shell away again
            ["RABBITMQ_CONF_ENV_FILE"] = "/dev/null",
            ["RABBITMQ_CONFIG_FILE"] = Path.Combine(home, "rabbitmq"),
            ["RABBITMQ_CTL_DIST_PORT_MAX"] = "45672", // the default of ten ports is soon used up by several test processes
            ["RABBITMQ_CTL_ERL_ARGS"] = LoopbackOnly,
            ["RABBITMQ_DIST_PORT"] = $"{LoopbackPort.FindFree()}",
            ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(home, "enabled_plugins"),
            ["RABBITMQ_LOG_BASE"] = Path.Combine(home, "log"),
            ["RABBITMQ_MNESIA_BASE"] = Path.Combine(home, "mnesia"),
            ["RABBITMQ_NODENAME"] = $"batchbus-{_port}@localhost",
            ["RABBITMQ_NODE_IP_ADDRESS"] = "127.0.0.1",
            ["RABBITMQ_NODE_PORT"] = $"{_port}",
            ["RABBITMQ_PID_FILE"] = Path.Combine(home, "pid"),
            ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = LoopbackOnly,
        };
        File.WriteAllText(_environment["RABBITMQ_ENABLED_PLUGINS_FILE"], "[].\n");
    }

    private async Task LaunchAsync()
    {
        await EndAsync();

        // Our own port mapper: the broker would otherwise start one that stays behind as a daemon.
        _portMapper = await ChildProcess.StartAsync(PortMapper, ["-port", $"{_portMapperPort}", "-address", "127.0.0.1"]);
        await Starting.UntilAsync(
            () => LoopbackPort.AnswersAsync(_portMapperPort, new byte[] { 0, 1, (byte)'n' }, PortBytes(_portMapperPort)), "epmd", _portMapper);

        _broker = await ChildProcess.StartAsync($"{Scripts}/rabbitmq-server", ["-noinput"], _environment);
        await Starting.UntilAsync(
            () => LoopbackPort.AnswersAsync(_port, "AMQP\0\0\u0009\u0001"u8.ToArray(), new byte[] { 1 }), "RabbitMQ", _broker);
        await RunCtlAsync("await_startup");
    }

    private async Task EndAsync()
    {
        foreach (var process in new[] { _broker, _portMapper })
        {
            if (process is not null)
            {
                await process.DisposeAsync();
            }
        }
    }

    private static byte[] PortBytes(int port) => [0, 0, (byte)(port >> 8), (byte)port];
}
