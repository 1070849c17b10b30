using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using BatchBus.Acceptance.Tests.Clients;
using BatchBus.Acceptance.Tests.Serving;
using BatchBus.TestServers;
using StackExchange.Redis;

namespace BatchBus.Acceptance.Tests.Deployment;

public sealed partial class When_the_servers_of_docker_compose_are_used
{
    private readonly List<ChildProcess> _processes = [];
    private PublishedProgram? _program;
    private ComposedServers? _started;
    private string _url = "";

    private ComposedServers Servers => _started ?? throw new InvalidOperationException("The servers are not started.");

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _program = await PublishedProgram.PublishAsync();
        _started = await ComposedServers.StartAsync();
        foreach (var role in new[] { "orchestrator", "worker", "api" })
        {
            _url = $"http://127.0.0.1:{LoopbackPort.FindFree()}";
            var environment = new Dictionary<string, string>(Servers.Settings) { ["BatchBus__Roles"] = role, ["ASPNETCORE_URLS"] = _url };
            _processes.Add(await _program.StartAsync(environment, "serve"));
        }

        using var http = new HttpClient();
        await Eventually.ThatAsync(
            async () =>
            {
                Assert.That(_processes.All(process => !process.HasExited), Is.True, () => string.Join('\n', _processes.Select(process => process.Output)));
                try
                {
                    return (await http.GetAsync(new Uri($"{_url}/health/ready"))).IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "the api is ready",
            TimeSpan.FromMinutes(1));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }

        if (_started is not null)
        {
            await _started.DisposeAsync();
        }

        _program?.Dispose();
    }

    [Test]
    public async Task Should_run_batches_without_meeting_a_limit_of_its_users()
    {
        var start = new ProcessStartInfo("node", ["batches.mjs", "@anthropic-ai/sdk"]) { WorkingDirectory = NodeFolder.Find("tests/node-sdk", "@anthropic-ai/sdk") };
        start.Environment["BASE_URL"] = _url;
        var node = await Command.RunAsync(start, TimeSpan.FromMinutes(1));
        Assert.That(node.ExitCode, Is.Zero, node.Errors);

        var refused = (RedisResult[])(await Servers.Inspector.GetDatabase().ExecuteAsync("ACL", "LOG"))!;
        var queues = await Servers.RabbitMq.QueuesAsync("batchbus");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                refused.Select(entry => string.Join(' ', (string[])entry!)).Where(entry => !entry.Contains("reason auth", StringComparison.Ordinal) && !entry.Contains(ComposedServers.Name, StringComparison.Ordinal)),
                Is.Empty,
                "commands that Redis has refused to others than these tests");
            Assert.That(queues.Select(queue => queue.Name), Is.SupersetOf(["model-mistral-7b", "model-llama-70b", "batch-state", "submit-batch"]));
            Assert.That(queues.Where(queue => queue.Name.EndsWith("_error", StringComparison.Ordinal)).Select(queue => queue.Messages), Is.All.Zero);
        }
    }

    [Test]
    public async Task Should_keep_the_backlog_out_of_the_queues()
    {
        using var http = new HttpClient { BaseAddress = new Uri($"{_url}/v1/messages/batches/") };
        var created = await http.PostAsJsonAsync(_url + "/v1/messages/batches", Leads.Batch(10_000, _ => "mistral-7b"));
        var id = (await created.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString();
        await Eventually.ThatAsync(() => _processes.SelectMany(process => process.Output.Split('\n')).Any(line => line.Contains(id!, StringComparison.Ordinal) && line.Contains(" began", StringComparison.Ordinal)), "it is being executed");

        var queues = await Servers.RabbitMq.QueuesAsync("batchbus");
        var open = (await http.GetFromJsonAsync<JsonElement>(id)).GetProperty("request_counts").GetProperty("processing").GetInt32();
        Assert.That(open, Is.EqualTo(10_000));
        Assert.That(queues.Sum(queue => queue.Messages), Is.LessThan(100), "messages; the README says what they show");

        await http.PostAsync($"{id}/cancel", null);
        await Eventually.ThatAsync(async () => (await http.DeleteAsync(id)).IsSuccessStatusCode, "it is over and deleted");
    }

    [Test]
    public async Task Should_be_healthy_as_the_image_asks()
    {
        var health = File.ReadLines(Path.Combine(Repository.Root, "infra", "docker", "Dockerfile")).Single(line => line.TrimStart().StartsWith("CMD [\"dotnet\"", StringComparison.Ordinal));
        Assert.That(health, Does.EndWith("""["dotnet", "batchbus.dll", "health"]"""));

        await using var asking = await _program!.StartAsync(new Dictionary<string, string>(), "health", "--url", _url);
        await Eventually.ThatAsync(() => asking.HasExited, "it is told");

        Assert.That(asking.Output, Does.Contain("\"status\":\"ready\""));
    }

    [Test]
    public void Should_let_the_store_s_scripts_call_all_that_they_call()
    {
        var allowed = File.ReadAllText(Path.Combine(Repository.Root, "infra", "redis", "users.acl"));
        var called = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.lua", SearchOption.AllDirectories)
            .SelectMany(file => Call().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value.ToLowerInvariant()))
            .Distinct()
            .ToList();

        Assert.That(called, Does.Contain("hset"));
        Assert.That(called.Where(command => !allowed.Contains($" +{command} ", StringComparison.Ordinal)), Is.Empty);
    }

    [TestCase("FLUSHALL")]
    [TestCase("CONFIG", "SET", "appendonly", "no")]
    [TestCase("KEYS", "*")]
    [TestCase("SHUTDOWN", "NOSAVE")]
    [TestCase("ACL", "LIST")]
    [TestCase("HGETALL", "somebody-elses")]
    [TestCase("EVAL", "return redis.call('FLUSHALL')", "0")]
    public async Task Should_refuse_what_batchbus_has_no_need_of(string command, params string[] arguments)
    {
        var password = Servers.Settings["ConnectionStrings__Redis"].Split(',').Single(part => part.StartsWith("password=", StringComparison.Ordinal));
        await using var redis = await Servers.ConnectAsync($"user=batchbus,{password}");

        Assert.That(
            async () => await redis.GetDatabase().ExecuteAsync(command, [.. arguments]),
            Throws.InstanceOf<RedisServerException>().With.Message.Contains("permission").Or.Message.Contains("can't run this command"));
    }

    [Test]
    public async Task Should_know_no_other_users()
    {
        var rabbitMq = await Servers.RabbitMq.RunCtlAsync("list_users", "--no-table-headers");
        var permissions = await Servers.RabbitMq.RunCtlAsync("list_permissions", "-p", "batchbus", "--no-table-headers");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => Servers.ConnectAsync(""), Throws.InstanceOf<RedisConnectionException>());
            Assert.That(() => Servers.ConnectAsync("user=batchbus,password=guessed"), Throws.InstanceOf<RedisConnectionException>());
            Assert.That(rabbitMq.TrimEnd('\n').Split('\n'), Is.EquivalentTo(["batchbus\t[]", "operator\t[monitoring]"]));
            Assert.That(permissions, Does.Contain("operator\t^$\t^$\t^$"));
        }
    }

    [Test]
    public async Task Should_keep_all_that_redis_has_acknowledged()
    {
        var redis = Servers.Inspector.GetServers().Single();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((await redis.ConfigGetAsync("appendonly")).Single().Value, Is.EqualTo("yes"));
            Assert.That((await redis.ConfigGetAsync("appendfsync")).Single().Value, Is.EqualTo("always"));
            Assert.That((await redis.ConfigGetAsync("maxmemory-policy")).Single().Value, Is.EqualTo("noeviction"));
            Assert.That(long.Parse((await redis.ConfigGetAsync("maxmemory")).Single().Value, System.Globalization.CultureInfo.InvariantCulture), Is.Positive);
        }
    }

    [GeneratedRegex(@"redis\.call\('(\w+)'")]
    private static partial Regex Call();
}
