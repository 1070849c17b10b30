using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Simulator;
using BatchBus.TestServers;
using NUnit.Framework.Interfaces;
using StackExchange.Redis;

namespace BatchBus.Acceptance.Tests.Operations;

/// <summary>What <c>/health/ready</c> and the log say, in words and with a remedy, of a process whose clock is an hour ahead and whose servers fail.</summary>
public sealed class When_something_is_wrong
{
    private Installation _installation = null!;
    private ConnectionMultiplexer _redis = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _installation = await Installation.StartAsync(
            Mode.Real, SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(20)), settings: new Dictionary<string, string> { ["BATCHBUS_CLOCK_STEP"] = "01:00:00" });
        var options = ConfigurationOptions.Parse(_installation.Redis.ConnectionString);
        (options.AllowAdmin, options.AbortOnConnectFail) = (true, false);
        _redis = await ConnectionMultiplexer.ConnectAsync(options);
    }

    [TearDown]
    public void ShowOutput()
    {
        if (TestContext.CurrentContext.Result.Outcome.Status is TestStatus.Failed)
        {
            TestContext.Out.WriteLine(_installation.Output);
        }
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _redis.DisposeAsync();
        await _installation.DisposeAsync();
    }

    [Test]
    public async Task Every_part_is_told_of_once()
    {
        using var response = await _installation.Http.GetAsync("/health/ready");
        var parts = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("parts");

        Assert.That(parts.EnumerateObject().Select(part => part.Name), Is.EquivalentTo(["redis", "rabbitmq", "endpoints", "clock"]));
    }

    [Test]
    public Task A_clock_that_is_wrong() => IsToldAsync("clock", "alarm", HttpStatusCode.OK, "is 1 h 0 min ahead of the clock of the Redis server", "timedatectl");

    [Test]
    public async Task A_key_that_is_not_accepted()
    {
        _installation.Simulator.Endpoint("v1").Outage = SimulatedOutage.Answer(401);
        var id = await _installation.SubmitAsync(Leads.Batch(3, _ => "mistral-7b"));

        await IsToldAsync("endpoints", "alarm", HttpStatusCode.OK, "mistral-7b is stopped until it is mended", "Check BatchBus__Models__mistral-7b__ApiKey");

        _installation.Simulator.Endpoint("v1").Outage = null;
        Leads.AssertAllSucceeded(await _installation.EndAsync(id, TimeSpan.FromSeconds(60)), 3);
    }

    [Test]
    public async Task A_redis_whose_memory_is_full()
    {
        await Server.ConfigSetAsync("maxmemory", "1");
        try
        {
            await IsToldAsync("redis", "not ready", HttpStatusCode.ServiceUnavailable, "Redis refuses writes: its memory is full", "Raise maxmemory");
        }
        finally
        {
            await Server.ConfigSetAsync("maxmemory", "0");
        }

        await IsWellAsync("redis");
    }

    [Test]
    public async Task A_redis_that_cannot_write_to_its_disk()
    {
        // A folder in the place of the file that it would write: no save can succeed, and it stops taking writes as it does on a full disk.
        var folder = (await Server.ConfigGetAsync("dir")).Single().Value;
        Directory.CreateDirectory(Path.Combine(folder, "dump.rdb", "in-the-way"));
        await Server.ConfigSetAsync("save", "3600 1");
        await Server.ExecuteAsync("BGSAVE");
        try
        {
            await IsToldAsync("redis", "not ready", HttpStatusCode.ServiceUnavailable, "Redis refuses writes: it cannot write to its disk", "Free space on the disk");
        }
        finally
        {
            await Server.ConfigSetAsync("save", "");
        }

        await IsWellAsync("redis");
    }

    private IServer Server => _redis.GetServers()[0];

    private async Task IsToldAsync(string part, string status, HttpStatusCode code, string description, string remedy)
    {
        var (answered, told) = await Eventually.ReadAsync(
            () => ReadyAsync(part), ready => ready.Part.GetProperty("status").GetString() == status, $"{part}: {status}");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answered, Is.EqualTo(code));
            Assert.That(told.GetProperty("description").GetString(), Does.Contain(description));
            Assert.That(told.GetProperty("remedy").GetString(), Does.Contain(remedy));
        }

        await Eventually.ThatAsync(
            () => _installation.Output.Split('\n').Any(line => line.Contains(description, StringComparison.Ordinal) && line.Contains(remedy, StringComparison.Ordinal)),
            $"the log tells it: {description}");
    }

    private async Task IsWellAsync(string part)
    {
        await Eventually.ThatAsync(async () => (await ReadyAsync(part)).Part.GetProperty("status").GetString() == "ready", $"{part} is ready again");
        await Eventually.ThatAsync(() => _installation.Output.Contains($"Well again, {part}", StringComparison.Ordinal), "the log tells it");
    }

    private async Task<(HttpStatusCode Code, JsonElement Part)> ReadyAsync(string part)
    {
        using var response = await _installation.Http.GetAsync("/health/ready");
        return (response.StatusCode, (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("parts").GetProperty(part));
    }
}
