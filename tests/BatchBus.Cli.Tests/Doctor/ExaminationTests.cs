using System.Text.Json;
using BatchBus.Cli.Doctor;
using BatchBus.Simulator;
using BatchBus.TestServers;
using RabbitMQ.Client;
using StackExchange.Redis;

namespace BatchBus.Cli.Tests.Doctor;

/// <summary>What an operator is told of real servers that are as they should be, and of each thing that can be wrong with them.</summary>
[NonParallelizable]
public sealed class ExaminationTests
{
    private const string RunPodKey = "rpa_THERIGHTKEY";

    private readonly CommandLine _cli = new();
    private RedisServer _redis = null!;
    private RabbitMqServer _rabbitMq = null!;
    private SimulatorServer _models = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _redis = await RedisServer.StartAsync();
        _rabbitMq = await RabbitMqServer.StartAsync();
        _models = await SimulatorServer.StartAsync(new SimulatorOptions { ApiKey = RunPodKey });
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        _cli.Dispose();
        await _models.DisposeAsync();
        await _rabbitMq.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Test]
    public async Task All_is_in_order_as_a_script_reads_it()
    {
        var run = await _cli.RunAsync(["doctor", "--json", .. Settings()]);

        var report = JsonDocument.Parse(run.Output).RootElement;
        var checks = report.GetProperty("checks").EnumerateArray().ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.Zero, run.Output);
            Assert.That(report.GetProperty("status").GetString(), Is.EqualTo("ok"), run.Output);
            Assert.That(
                checks.Select(check => check.GetProperty("check").GetString()),
                Is.SupersetOf(new[] { "program", "settings", "redis", "redis writes", "redis durability", "redis memory", "clock", "rabbitmq", "queues", "endpoint mistral-7b", "endpoint llama-70b", "server" }));
            Assert.That(checks.Select(check => check.GetProperty("remedy").ValueKind), Is.All.EqualTo(JsonValueKind.Null));
            Assert.That(run.Output, Does.Contain("appendfsync always").And.Not.Contain(RunPodKey));
        }
    }

    [Test]
    public async Task Redis_that_is_stopped()
    {
        var url = $"http://127.0.0.1:{LoopbackPort.FindFree()}";
        using var serving = _cli.Start(["serve", .. Settings(("urls", url))]);
        await Eventually.ThatAsync(async () => (await new ServerCheck(url, isExpected: true).RunAsync(CancellationToken.None)).All(finding => finding.Status is FindingStatus.Ok), "the server is ready", TimeSpan.FromSeconds(60));
        await _redis.StopAsync();
        try
        {
            var run = await _cli.RunAsync(["doctor", .. Settings(("urls", url))]);

            Assert.That(run.ExitCode, Is.EqualTo(2));
            Assert.That(run.Output, Does.Contain($"The server at {url} says of redis: "));
            Assert.That(run.Output, Does.Match($@"problem +redis +Redis cannot be reached at {_redis.ConnectionString}").And.Contain("→ Start it").And.Contain("ConnectionStrings__Redis"));
            Assert.That(run.Output + run.Errors, Does.Not.Contain("   at "));
        }
        finally
        {
            await _redis.RestartAsync();
        }
    }

    [Test]
    public async Task RabbitMq_that_is_stopped()
    {
        await _rabbitMq.StopAsync();
        try
        {
            await AssertProblemAsync("rabbitmq", $"RabbitMQ cannot be reached at 127.0.0.1:{new Uri(_rabbitMq.ConnectionString).Port}", "Start it");
        }
        finally
        {
            await _rabbitMq.RestartAsync();
        }
    }

    [Test]
    public Task A_wrong_key_for_RunPod()
        => AssertProblemAsync(
            "endpoint mistral-7b", "refuses the key in BatchBus__Models__mistral-7b__ApiKey (HTTP 401)", "RunPod's console", ("BatchBus:Models:mistral-7b:ApiKey", "rpa_WRONG"));

    [Test]
    public Task A_model_that_the_endpoint_does_not_serve()
        => AssertProblemAsync(
            "endpoint llama-70b", "does not serve nonsense; it serves mistral-7b, llama-70b", "BatchBus__Models__llama-70b__ServedModel", ("BatchBus:Models:llama-70b:ServedModel", "nonsense"));

    [Test]
    public Task An_endpoint_that_is_away()
        => AssertProblemAsync(
            "endpoint llama-70b", "cannot be reached (Connection refused)", "BatchBus__Models__llama-70b__BaseUrl", ("BatchBus:Models:llama-70b:BaseUrl", $"http://127.0.0.1:{LoopbackPort.FindFree()}/v1"));

    [Test]
    public async Task Redis_that_is_full()
    {
        await ConfigureRedisAsync("maxmemory", "1mb");
        try
        {
            await AssertProblemAsync("redis writes", "Redis takes no writes: it is full", "Raise its maxmemory");
        }
        finally
        {
            await ConfigureRedisAsync("maxmemory", "0");
        }
    }

    [Test]
    public async Task Redis_whose_disk_is_full()
    {
        // As Redis is once it could not save: it has nowhere to save to, and is told not to go on then.
        await using var connection = await ConnectionMultiplexer.ConnectAsync($"{_redis.ConnectionString},allowAdmin=true");
        var folder = (string)((RedisResult[])(await connection.GetDatabase().ExecuteAsync("CONFIG", "GET", "dir"))!)[1]!;
        var blocked = Directory.CreateDirectory(Path.Combine(folder, "dump.rdb", "in-the-way"));
        await ConfigureRedisAsync("save", "3600 1");
        try
        {
            await connection.GetDatabase().ExecuteAsync("BGSAVE", "SCHEDULE");
            await Eventually.ThatAsync(async () => ((string)(await connection.GetDatabase().ExecuteAsync("INFO", "persistence"))!).Contains("rdb_last_bgsave_status:err", StringComparison.Ordinal), "the save has failed");

            await AssertProblemAsync("redis writes", "it cannot write to its disk, which may be full", "Free space");
        }
        finally
        {
            await ConfigureRedisAsync("save", "");
            blocked.Parent!.Delete(recursive: true);
            await connection.GetDatabase().ExecuteAsync("BGSAVE", "SCHEDULE");
            await Eventually.ThatAsync(async () => ((string)(await connection.GetDatabase().ExecuteAsync("INFO", "persistence"))!).Contains("rdb_last_bgsave_status:ok", StringComparison.Ordinal), "it saves again");
        }
    }

    [TestCase("maxmemory-policy", "allkeys-lru", "noeviction", FindingStatus.Problem, "redis memory", "batches would vanish")]
    [TestCase("appendfsync", "everysec", "always", FindingStatus.Warning, "redis durability", "may lose its last second")]
    [TestCase("appendonly", "no", "yes", FindingStatus.Warning, "redis durability", "keeps no append-only file")]
    public async Task Redis_that_may_lose_what_it_holds(string setting, string value, string right, object status, string check, string what)
    {
        await ConfigureRedisAsync(setting, value);
        try
        {
            var finding = (await ExamineAsync()).Single(finding => finding.Check == check && finding.Status != FindingStatus.Ok);

            Assert.That((finding.Status, finding.Remedy), Is.EqualTo(((FindingStatus)status, finding.Remedy)));
            Assert.That(finding.What, Does.Contain(what));
            Assert.That(finding.Remedy, Does.Contain(setting).And.Contain(right));
        }
        finally
        {
            await ConfigureRedisAsync(setting, right);
        }
    }

    [TestCase(60)]
    [TestCase(-60)]
    public async Task A_clock_that_is_an_hour_off(int minutes)
    {
        var findings = await new Examination([.. Settings()], server: null, new ShiftedClock(TimeSpan.FromMinutes(minutes))).RunAsync(CancellationToken.None);

        var clock = findings.Single(finding => finding.Check == "clock");
        Assert.That(clock.Status, Is.EqualTo(FindingStatus.Problem));
        Assert.That(clock.What, Does.Match("1 h 00 min apart|60 min 00 s apart|59 min 59 s apart"));
        Assert.That(clock.Remedy, Does.Contain("timedatectl"));
    }

    [Test]
    public async Task RabbitMq_that_refuses_the_password()
        => await AssertProblemAsync(
            "rabbitmq", "refuses the user guest or its password", "ConnectionStrings__RabbitMq", ("ConnectionStrings:RabbitMq", _rabbitMq.ConnectionString.Replace("guest:guest", "guest:wrong", StringComparison.Ordinal)));

    [Test]
    public async Task RabbitMq_without_the_virtual_host()
        => await AssertProblemAsync("rabbitmq", "into the virtual host nowhere", "rabbitmqctl", ("ConnectionStrings:RabbitMq", $"{_rabbitMq.ConnectionString}nowhere"));

    [Test]
    public async Task Messages_that_failed_and_messages_that_nobody_takes()
    {
        var virtualHost = await _rabbitMq.CreateVirtualHostAsync("queues");
        await using var connection = await new ConnectionFactory { Uri = new Uri(virtualHost) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        foreach (var queue in new[] { "model-mistral-7b", "batch-state_error" })
        {
            await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
            await channel.BasicPublishAsync("", queue, mandatory: true, "{}"u8.ToArray());
        }

        var findings = (await ExamineAsync(("ConnectionStrings:RabbitMq", virtualHost))).Where(finding => finding.Check == "queues").ToList();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(findings.Select(finding => finding.Status), Is.EquivalentTo(new[] { FindingStatus.Problem, FindingStatus.Warning }));
            Assert.That(findings.Select(finding => finding.What), Has.One.Contains("1 message is in model-mistral-7b, and no process takes it").And.One.Contains("1 message is in batch-state_error"));
            Assert.That(findings.Select(finding => finding.Remedy), Has.One.Contains("the role worker"));
        }
    }

    [Test]
    public async Task Something_else_where_the_server_should_be()
        => Assert.That((await ExamineAsync(("urls", _models.BaseAddress.AbsoluteUri))).Single(finding => finding.Check == "server").What, Does.Contain("is not BatchBus"));

    [Test]
    public async Task A_server_that_was_named_and_does_not_answer()
    {
        var findings = await new Examination([.. Settings()], $"http://127.0.0.1:{LoopbackPort.FindFree()}", TimeProvider.System).RunAsync(CancellationToken.None);

        var server = findings.Single(finding => finding.Check == "server");
        Assert.That(server.Status, Is.EqualTo(FindingStatus.Problem));
        Assert.That(server.Remedy, Does.Contain("batchbus serve"));
    }

    [Test]
    public async Task Settings_that_do_not_allow_a_start()
    {
        var run = await _cli.RunAsync("doctor", "--ConnectionStrings:Redis", _redis.ConnectionString);

        Assert.That(run.ExitCode, Is.EqualTo(2));
        Assert.That(run.Output, Does.Match("problem +settings +ConnectionStrings:Redis is set and ConnectionStrings:RabbitMq is not"));
    }

    [Test]
    public void A_data_folder_that_cannot_be_one()
    {
        var file = _cli.Write("taken", "a file");

        var finding = MachineChecks.DataFolder(Path.Combine(file, "data"));

        Assert.That(finding.Status, Is.EqualTo(FindingStatus.Problem));
        Assert.That(finding.What, Does.Contain($"{file} is a file"));
        Assert.That(MachineChecks.DataFolder(Path.Combine(_cli.Folder, "new", "data")).Status, Is.Not.EqualTo(FindingStatus.Problem));
        Assert.That(Directory.GetFileSystemEntries(_cli.Folder), Is.EqualTo(new[] { file }), "looking leaves nothing behind");
    }

    private async Task AssertProblemAsync(string check, string what, string remedy, params (string Name, string Value)[] settings)
    {
        var problems = (await ExamineAsync(settings)).Where(finding => finding.Status is FindingStatus.Problem).ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(problems.Select(problem => problem.Check), Is.EqualTo(new[] { check }), string.Join("; ", problems));
            Assert.That(problems[0].What, Does.Contain(what));
            Assert.That(problems[0].Remedy, Does.Contain(remedy));
        }
    }

    private Task<IReadOnlyList<Finding>> ExamineAsync(params (string Name, string Value)[] settings)
        => new Examination([.. Settings(settings)], server: null, TimeProvider.System).RunAsync(CancellationToken.None);

    /// <summary>Those under which all is in order, and some in their place.</summary>
    private IEnumerable<string> Settings(params (string Name, string Value)[] others)
    {
        var settings = new Dictionary<string, string>
        {
            ["urls"] = $"http://127.0.0.1:{LoopbackPort.FindFree()}",
            ["ConnectionStrings:Redis"] = _redis.ConnectionString,
            ["ConnectionStrings:RabbitMq"] = _rabbitMq.ConnectionString,
            ["BatchBus:Models:mistral-7b:BaseUrl"] = $"{_models.BaseAddress}v2/abc",
            ["BatchBus:Models:mistral-7b:Protocol"] = "RunPodJobs",
            ["BatchBus:Models:mistral-7b:ApiKey"] = RunPodKey,
            ["BatchBus:Models:llama-70b:BaseUrl"] = $"{_models.BaseAddress}v1",
            ["BatchBus:Models:llama-70b:ApiKey"] = RunPodKey,
        };
        foreach (var (name, value) in others)
        {
            settings[name] = value;
        }

        return settings.SelectMany(setting => new[] { $"--{setting.Key}", setting.Value });
    }

    private async Task ConfigureRedisAsync(string setting, string value)
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync($"{_redis.ConnectionString},allowAdmin=true");
        await connection.GetDatabase().ExecuteAsync("CONFIG", "SET", setting, value);
    }

    private sealed class ShiftedClock(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + by;
    }
}
