using System.Diagnostics;
using System.Text.RegularExpressions;
using BatchBus.TestServers;
using StackExchange.Redis;

namespace BatchBus.Acceptance.Tests.Deployment;

/// <summary>
/// RabbitMQ and Redis as <c>docker-compose.yml</c> sets them up, without the containers: with the files that it mounts, the passwords that
/// <c>infra/new-passwords.sh</c> makes, and the settings that it gives to BatchBus. Redis has one more user, who may look at everything.
/// </summary>
internal sealed partial class ComposedServers : IAsyncDisposable
{
    /// <summary>What connections of the tests are called in Redis' records.</summary>
    public const string Name = "acceptance-tests";

    private static readonly string Infra = Path.Combine(Repository.Root, "infra");

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("batchbus-compose-");
    private readonly int _redisPort = LoopbackPort.FindFree();
    private Dictionary<string, string> _passwords = [];
    private ChildProcess? _redis;
    private RabbitMqServer? _rabbitMq;
    private ConnectionMultiplexer? _inspector;

    public RabbitMqServer RabbitMq => _rabbitMq ?? throw new InvalidOperationException("The servers are not started.");

    /// <summary>The settings that every BatchBus process has in common.</summary>
    public IReadOnlyDictionary<string, string> Settings => new[] { "ConnectionStrings__RabbitMq", "ConnectionStrings__Redis" }.ToDictionary(name => name, Setting);

    /// <summary>Redis as the user who may look at everything.</summary>
    public ConnectionMultiplexer Inspector => _inspector ?? throw new InvalidOperationException("The servers are not started.");

    public static async Task<ComposedServers> StartAsync()
    {
        var servers = new ComposedServers();
        try
        {
            await servers.MakePasswordsAsync();
            await Task.WhenAll(servers.StartRedisAsync(), servers.StartRabbitMqAsync());
            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    public Task<ConnectionMultiplexer> ConnectAsync(string credentials)
        => ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{_redisPort},abortConnect=true,connectRetry=0,connectTimeout=2000,tiebreaker=,allowAdmin=true,name={Name},{credentials}");

    public async ValueTask DisposeAsync()
    {
        if (_inspector is not null)
        {
            await _inspector.DisposeAsync();
        }

        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }

        if (_rabbitMq is not null)
        {
            await _rabbitMq.DisposeAsync();
        }

        _directory.Delete(recursive: true);
    }

    private static async Task RunAsync(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, arguments);
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var result = await Command.RunAsync(start);
        Assert.That(result.ExitCode, Is.Zero, result.Errors);
    }

    private async Task MakePasswordsAsync()
    {
        var infra = Directory.CreateDirectory(Path.Combine(_directory.FullName, "infra"));
        File.Copy(Path.Combine(Infra, "batchbus.env.example"), Path.Combine(infra.FullName, "batchbus.env.example"));
        var script = Path.Combine(infra.FullName, "new-passwords.sh");
        File.Copy(Path.Combine(Infra, "new-passwords.sh"), script);
        var file = Path.Combine(_directory.FullName, ".env");
        await RunAsync(script, [], new Dictionary<string, string>());
        var made = await File.ReadAllTextAsync(file);
        await RunAsync(script, [], new Dictionary<string, string>());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await File.ReadAllTextAsync(file), Is.EqualTo(made), "what is there already is kept");
            await RunAsync("sh", ["-c", $"[ $(stat -c %a '{file}') = 600 ]"], new Dictionary<string, string>());
            Assert.That(File.Exists(Path.Combine(_directory.FullName, "batchbus.env")), Is.True);
        }

        _passwords = made.TrimEnd('\n').Split('\n').Select(line => line.Split('=')).ToDictionary(line => line[0], line => line[1]);
    }

    private async Task StartRedisAsync()
    {
        var environment = new Dictionary<string, string>(_passwords) { ["RUN_DIRECTORY"] = _directory.FullName };
        var data = Directory.CreateDirectory(Path.Combine(_directory.FullName, "data")).FullName;
        _redis = await ChildProcess.StartAsync(
            Path.Combine(Infra, "redis", "start.sh"),
            [
                "sh", "-ec", """echo 'user inspector on nopass ~* &* +@all' >> "$RUN_DIRECTORY/users.acl"; exec redis-server "$@" """, "redis",
                Path.Combine(Infra, "redis", "redis.conf"), "--dir", data, "--aclfile", Path.Combine(_directory.FullName, "users.acl"),
                "--port", $"{_redisPort}", "--bind", "127.0.0.1",
            ],
            environment);
        await Eventually.ThatAsync(
            async () =>
            {
                Assert.That(_redis.HasExited, Is.False, () => _redis.Output);
                try
                {
                    _inspector = await ConnectAsync("user=inspector,password=any");
                    return true;
                }
                catch (RedisConnectionException)
                {
                    return false;
                }
            },
            "Redis answers");
    }

    private async Task StartRabbitMqAsync()
    {
        await RunAsync(Path.Combine(Infra, "rabbitmq", "start.sh"), ["true"], new Dictionary<string, string>(_passwords) { ["RUN_DIRECTORY"] = _directory.FullName });
        var configuration = await File.ReadAllTextAsync(Path.Combine(Infra, "rabbitmq", "rabbitmq.conf"));
        Assert.That(configuration, Does.Contain("/run/batchbus/"));
        _rabbitMq = await RabbitMqServer.StartAsync(configuration.Replace("/run/batchbus/", $"{_directory.FullName}/", StringComparison.Ordinal));
    }

    /// <summary>A setting of BatchBus's processes with its passwords filled in, and with the ports of these servers.</summary>
    private string Setting(string name)
    {
        var line = File.ReadLines(Path.Combine(Repository.Root, "docker-compose.yml")).Single(line => line.TrimStart().StartsWith($"{name}: ", StringComparison.Ordinal));
        return Variable().Replace(line[(line.IndexOf(": ", StringComparison.Ordinal) + 2)..], match => _passwords[match.Groups[1].Value])
            .Replace("@rabbitmq:5672", $"@127.0.0.1:{RabbitMq.Port}", StringComparison.Ordinal)
            .Replace("redis:6379", $"127.0.0.1:{_redisPort}", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\$\{(\w+):\?[^}]+\}")]
    private static partial Regex Variable();
}
