using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Faults;

public sealed class When_a_server_cannot_be_reached
{
    private static readonly SimulatedLatency Latency = SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(20));

    [Test]
    public async Task Should_say_that_redis_is_away_keep_trying_and_lose_nothing()
    {
        await using var installation = await Installation.StartAsync(Mode.Real, SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(200)));
        var id = await installation.SubmitAsync(Leads.Batch(500, _ => "mistral-7b"));
        await Eventually.ThatAsync(() => installation.Simulator.Log.Entries.Count > 100, "the batch is being executed");

        installation.Redis.Kill();

        await AssertNotReadyAsync(installation, "redis", "Redis cannot be reached at 127.0.0.1:", "or correct ConnectionStrings__Redis");
        await AssertOnDashboardAsync(installation, "redis", "Redis cannot be reached at 127.0.0.1:");
        using var refused = await installation.Http.GetAsync($"/v1/messages/batches/{id}");
        Assert.That((int)refused.StatusCode, Is.EqualTo(529), "an error of the documented shape, not a hang");
        Assert.That(await refused.Content.ReadAsStringAsync(), Does.Contain("overloaded_error").And.Contain("Redis"));

        await installation.Redis.RestartAsync();
        await Eventually.ThatAsync(installation.IsReadyAsync, "it is ready again");
        Leads.AssertAllSucceeded(await installation.EndAsync(id, TimeSpan.FromSeconds(60)), 500);
        Leads.AssertEachAnsweredOnce(await installation.ResultsAsync(id), 500);
    }

    [Test]
    public async Task Should_take_batches_in_while_rabbitmq_is_away_and_execute_them_afterwards()
    {
        await using var broker = await RabbitMqServer.StartAsync();
        await using var installation = await Installation.StartAsync(
            Mode.Real, Latency, settings: new Dictionary<string, string> { ["ConnectionStrings__RabbitMq"] = broker.ConnectionString });

        broker.Kill();

        await AssertNotReadyAsync(installation, "rabbitmq", "RabbitMQ cannot be reached at 127.0.0.1:", "Batches are taken in meanwhile");
        await AssertOnDashboardAsync(installation, "rabbitmq", "RabbitMQ cannot be reached at 127.0.0.1:");
        var id = await installation.SubmitAsync(Leads.Batch(100, _ => "mistral-7b"));

        await broker.RestartAsync();
        Leads.AssertAllSucceeded(await installation.EndAsync(id, TimeSpan.FromSeconds(90)), 100);
        Assert.That(installation.Simulator.Log.Count().Total, Is.EqualTo(100));
    }

    [Test]
    public async Task Should_say_that_rabbitmq_refuses_the_user_or_has_no_such_virtual_host()
    {
        var address = Servers.RabbitMq.ConnectionString;
        await Task.WhenAll(
            RefusedAsync(address.Replace("guest:guest@", "guest:mistaken@", StringComparison.Ordinal), "refuses the user or its password", "Check user and password in ConnectionStrings__RabbitMq"),
            RefusedAsync(address + "mistaken", "has no virtual host /mistaken for this user", "rabbitmqctl add_vhost"));

        static async Task RefusedAsync(string address, string words, string remedy)
        {
            await using var installation = await Installation.PrepareAsync(
                Mode.Real, Latency, settings: new Dictionary<string, string> { ["ConnectionStrings__RabbitMq"] = address });
            await installation.LaunchAsync();

            await AssertNotReadyAsync(installation, "rabbitmq", words, remedy);
            Assert.That(installation.Output, Does.Not.Contain("guest:").And.Not.Contain(":mistaken@"));
        }
    }

    [Test]
    public async Task Should_start_without_its_servers_and_become_ready_once_they_are_there()
    {
        await using var redis = await RedisServer.StartAsync();
        await redis.StopAsync();
        await using var installation = await Installation.PrepareAsync(
            Mode.Real, Latency, settings: new Dictionary<string, string> { ["ConnectionStrings__Redis"] = redis.ConnectionString });
        await installation.LaunchAsync();

        await AssertNotReadyAsync(installation, "redis", "Redis cannot be reached at 127.0.0.1:", "or correct ConnectionStrings__Redis");
        Assert.That((await installation.Http.GetAsync("/health/live")).StatusCode, Is.EqualTo(HttpStatusCode.OK));

        await redis.RestartAsync();
        await Eventually.ThatAsync(installation.IsReadyAsync, "it is ready");
        var id = await installation.SubmitAsync(Leads.Batch(10, _ => "mistral-7b"));
        Leads.AssertAllSucceeded(await installation.EndAsync(id, TimeSpan.FromSeconds(60)), 10);
    }

    /// <summary>Both the readiness and the log say what is wrong and what to do.</summary>
    private static async Task AssertNotReadyAsync(Installation installation, string part, string words, string remedy)
    {
        await Eventually.ThatAsync(
            async () =>
            {
                try
                {
                    var response = await installation.Http.GetAsync("/health/ready");
                    var text = await response.Content.ReadAsStringAsync();
                    return response.StatusCode is HttpStatusCode.ServiceUnavailable
                        && text.Contains($"\"{part}\":{{\"status\":\"not ready\"", StringComparison.Ordinal)
                        && text.Contains(words, StringComparison.Ordinal)
                        && text.Contains(remedy, StringComparison.Ordinal);
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            $"{part} is reported as not ready",
            TimeSpan.FromSeconds(60));
        await Eventually.ThatAsync(
            () => installation.Output.Split('\n').Any(line => line.Contains(words, StringComparison.Ordinal) && line.Contains(remedy, StringComparison.Ordinal)), "the log tells it");
    }

    /// <summary>The dashboard reads its status all the same, and shows this on top.</summary>
    private static Task AssertOnDashboardAsync(Installation installation, string part, string words)
        => Eventually.ThatAsync(
            async () => (await installation.Http.GetFromJsonAsync<JsonElement>("/v1/status")).GetProperty("problems").EnumerateArray().Any(problem =>
                problem.GetProperty("part").GetString() == part && problem.GetProperty("description").GetString()!.Contains(words, StringComparison.Ordinal)),
            $"{part} is a problem on the dashboard");
}
