using System.Net;
using Microsoft.Extensions.Time.Testing;

namespace BatchBus.Simulator.Tests;

public sealed class RateLimitTests
{
    private FakeTimeProvider _clock = null!;
    private RunningSimulator _simulator = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _clock = new FakeTimeProvider();
        _simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = _clock });
    }

    [TearDown]
    public async Task StopAsync() => await _simulator.DisposeAsync();

    [TestCase("POST", "/v2/ep/run")]
    [TestCase("GET", "/v2/ep/status/x")]
    [TestCase("POST", "/v2/ep/cancel/x")]
    [TestCase("GET", "/v2/ep/openai/v1/models")]
    public async Task More_calls_than_the_window_allows_are_answered_429_until_it_has_slid_on(string method, string path)
    {
        var limit = new SimulatedRateLimit(Requests: 2) { RetryAfter = TimeSpan.FromSeconds(1.5) };
        _simulator.Endpoint.RateLimits = new SimulatedRateLimits(limit, limit, limit);

        var first = await StatusAsync(method, path);
        _clock.Advance(TimeSpan.FromSeconds(5));
        var second = await StatusAsync(method, path);
        var third = await StatusAsync(method, path);
        _clock.Advance(TimeSpan.FromSeconds(5));
        var fourth = await StatusAsync(method, path);
        var fifth = await StatusAsync(method, path);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(new[] { first.Status, second.Status, fourth.Status }, Has.None.EqualTo(429));
            Assert.That(new[] { third, fifth }, Is.All.EqualTo((429, "2")));
            Assert.That(_simulator.Endpoint.Count().RateLimited, Is.EqualTo(2));
        }
    }

    [Test]
    public async Task More_calls_at_once_than_allowed_are_answered_429_without_a_hint_when_to_come_back()
    {
        _simulator.Server.Latency = RunningSimulator.Latency("1000s");
        _simulator.Endpoint.RateLimits = new SimulatedRateLimits(Status: new SimulatedRateLimit(Concurrent: 1));
        var open = _simulator.PostAsync("/v2/ep/openai/v1/chat/completions", RunningSimulator.Chat("open").ToJsonString());
        await RunningSimulator.EventuallyAsync(() => _simulator.Log.Open == 1, "the call runs");

        var refused = await StatusAsync("GET", "/v2/ep/status/x");
        var run = await StatusAsync("POST", "/v2/ep/run");
        _clock.Advance(TimeSpan.FromSeconds(1000));
        await open;
        await RunningSimulator.EventuallyAsync(async () => (await StatusAsync("GET", "/v2/ep/status/x")).Status == 404, "the place is free again");

        Assert.That((refused, run.Status), Is.EqualTo(((429, (string?)null), 400)));
    }

    [Test]
    public async Task There_is_no_limit_at_first_and_RunPods_own_can_be_had()
    {
        for (var i = 0; i < 101; i++)
        {
            await StatusAsync("POST", "/v2/ep/cancel/x");
        }

        var before = _simulator.Endpoint.Count();
        _simulator.Endpoint.RateLimits = SimulatedRateLimits.RunPod;
        for (var i = 0; i < 101; i++)
        {
            await StatusAsync("POST", "/v2/ep/cancel/x");
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(before.RateLimited, Is.Zero);
            Assert.That(_simulator.Endpoint.Count().RateLimited, Is.EqualTo(1));
            Assert.That(_simulator.Endpoint.Count().Cancels, Is.EqualTo(202));
            Assert.That(SimulatedRateLimits.RunPod.Run, Is.EqualTo(new SimulatedRateLimit(1000, 200)));
            Assert.That(SimulatedRateLimits.RunPod.Status, Is.EqualTo(new SimulatedRateLimit(2000, 400)));
        }
    }

    private async Task<(int Status, string? RetryAfter)> StatusAsync(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await _simulator.Http.SendAsync(request);
        return ((int)response.StatusCode, response.StatusCode == HttpStatusCode.TooManyRequests ? response.Headers.RetryAfter?.ToString() : "none");
    }
}
