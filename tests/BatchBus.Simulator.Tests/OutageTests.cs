using System.Net.Sockets;

namespace BatchBus.Simulator.Tests;

public sealed class OutageTests
{
    private static readonly (HttpMethod Method, string Path)[] Calls =
    [
        (HttpMethod.Post, "/v2/ep/run"), (HttpMethod.Get, "/v2/ep/status/x"), (HttpMethod.Post, "/v2/ep/cancel/x"), (HttpMethod.Get, "/v2/ep/health"),
        (HttpMethod.Post, "/v2/ep/openai/v1/chat/completions"),
    ];

    private RunningSimulator _simulator = null!;

    [SetUp]
    public async Task StartAsync() => _simulator = await RunningSimulator.StartAsync();

    [TearDown]
    public async Task StopAsync() => await _simulator.DisposeAsync();

    [TestCase(503)]
    [TestCase(502)]
    [TestCase(500)]
    [TestCase(401)]
    [TestCase(403)]
    [TestCase(404)]
    public async Task Every_call_is_answered_with_the_status_until_the_outage_is_over(int status)
    {
        _simulator.Endpoint.Outage = SimulatedOutage.Answer(status);
        var answers = new List<(int Status, string Body)>();
        foreach (var (method, path) in Calls)
        {
            answers.Add(await _simulator.SendAsync(method, path, method == HttpMethod.Post ? "{}" : null));
        }

        var elsewhere = await _simulator.CompleteAsync(RunningSimulator.Chat("elsewhere"));
        _simulator.Endpoint.Outage = null;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answers, Is.All.EqualTo((status, $"<html><body><h1>{status}</h1></body></html>")));
            Assert.That((int)elsewhere.Status, Is.EqualTo(200));
            Assert.That((await _simulator.SendAsync(HttpMethod.Get, "/v2/ep/health")).Status, Is.EqualTo(200));
            Assert.That(_simulator.Endpoint.Count().Refused, Is.EqualTo(Calls.Length));
            Assert.That(_simulator.Log.Entries, Has.Count.EqualTo(1));
        }
    }

    [Test]
    public async Task The_body_can_be_chosen_and_the_health_of_the_plain_server_follows()
    {
        var endpoint = _simulator.Server.Endpoint("v1");
        var healthy = await _simulator.SendAsync(HttpMethod.Get, "/health");
        endpoint.Outage = SimulatedOutage.Answer(500, """{"error":"no"}""", "application/json");

        var chat = await _simulator.SendAsync(HttpMethod.Post, "/v1/chat/completions", RunningSimulator.Chat("hi").ToJsonString());
        var models = await _simulator.SendAsync(HttpMethod.Get, "/v1/models");
        var sick = await _simulator.SendAsync(HttpMethod.Get, "/health");

        Assert.That(new[] { chat, models }, Is.All.EqualTo((500, """{"error":"no"}""")));
        Assert.That((healthy.Status, sick.Status), Is.EqualTo((200, 503)));
    }

    [Test]
    public async Task Connections_are_reset()
    {
        _simulator.Endpoint.Outage = SimulatedOutage.Reset;

        foreach (var (method, path) in Calls)
        {
            var exception = await Assert.ThrowsAsync<HttpRequestException>(() => _simulator.SendAsync(method, path, method == HttpMethod.Post ? "{}" : null));
            Assert.That((exception!.GetBaseException() as SocketException)?.SocketErrorCode, Is.EqualTo(SocketError.ConnectionReset), path);
        }
    }

    [Test]
    public async Task Calls_hang_until_the_caller_gives_up()
    {
        _simulator.Endpoint.Outage = SimulatedOutage.Hang;
        using var client = new HttpClient { BaseAddress = _simulator.Server.BaseAddress };
        var call = client.GetAsync("/v2/ep/status/x");
        await RunningSimulator.EventuallyAsync(() => _simulator.Endpoint.Count().Refused == 1, "the call arrives");

        _simulator.Endpoint.Outage = null;
        var next = await _simulator.SendAsync(HttpMethod.Get, "/v2/ep/status/x");
        var hung = !call.IsCompleted;
        client.CancelPendingRequests();

        Assert.That(async () => await call, Throws.InstanceOf<OperationCanceledException>());
        Assert.That((hung, next.Status), Is.EqualTo((true, 404)));
    }
}
