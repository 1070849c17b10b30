using System.Net;
using System.Text.Json;

namespace BatchBus.Api.Tests.Keys;

[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class LimitTests(Mode mode)
{
    [Test]
    public async Task A_key_makes_no_more_calls_in_a_minute_than_it_may()
    {
        await using var server = await ApiServer.StartAsync(mode, ("BatchBus:ApiKeys:0:RequestsPerMinute", "3"));
        for (var i = 0; i < 3; i++)
        {
            Assert.That((await server.SendAsync(HttpMethod.Get, "/v1/messages/batches/msgbatch_01")).StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        }

        var refused = await server.SendAsync(HttpMethod.Get, "/v1/messages/batches/msgbatch_01");
        var other = await server.SendAsync(HttpMethod.Get, "/v1/messages/batches/msgbatch_01", null, ("x-api-key", server.OtherKey));

        await server.AssertErrorAsync(refused, HttpStatusCode.TooManyRequests, "rate_limit_error", "3 requests per minute");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(refused.Headers.GetValues("retry-after").Single(), Does.Match("^[1-5]?[0-9]$"));
            Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.NotFound), "another key has its own count");
            Assert.That(await server.Redis.KeyTimeToLiveAsync($"batchbus:calls:{Api.Keys.ApiKey.Hash(server.Key)[..16]}"), Is.Not.Null);
        }
    }

    [Test]
    public async Task Calls_count_again_once_the_window_has_passed()
    {
        await using var server = await ApiServer.StartAsync(mode, ("BatchBus:ApiKeys:0:RequestsPerMinute", "1"));
        await server.SendAsync(HttpMethod.Get, "/v1/messages/batches/msgbatch_01");
        Assert.That((await server.SendAsync(HttpMethod.Get, "/v1/messages/batches/msgbatch_01")).StatusCode, Is.EqualTo(HttpStatusCode.TooManyRequests));

        await server.Redis.KeyExpireAsync($"batchbus:calls:{Api.Keys.ApiKey.Hash(server.Key)[..16]}", TimeSpan.FromMilliseconds(1));

        await TestServers.Eventually.ThatAsync(
            async () => (await server.SendAsync(HttpMethod.Get, "/v1/messages/batches/msgbatch_01")).StatusCode == HttpStatusCode.NotFound, "the key may call again");
    }

    [Test]
    public async Task A_workspace_has_no_more_requests_waiting_than_its_key_may_add()
    {
        await using var server = await ApiServer.StartAsync(mode, ("BatchBus:ApiKeys:0:MaxWaitingRequests", "3"));
        var first = (await server.CreateAsync(Body(2))).GetProperty("id").GetString()!;
        var refused = await server.PostAsync(Body(2), ("Idempotency-Key", "again"));
        Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.TooManyRequests));
        Assert.That(await refused.Content.ReadAsStringAsync(), Does.Contain("rate_limit_error").And.Contain("2 requests of this workspace are waiting"));
        Assert.That(refused.Headers.GetValues("retry-after").Single(), Is.EqualTo("30"));

        await server.EndAsync(first);
        var second = await server.CreateAsync(Body(2), ("Idempotency-Key", "again"));

        Assert.That(second.GetProperty("request_counts").GetProperty("processing").GetInt32(), Is.EqualTo(2));
    }

    [Test]
    public async Task A_batch_that_can_never_wait_is_refused_for_good()
    {
        await using var server = await ApiServer.StartAsync(mode, ("BatchBus:ApiKeys:0:MaxWaitingRequests", "3"));

        var response = await server.PostAsync(Body(4));

        await server.AssertErrorAsync(response, HttpStatusCode.BadRequest, "invalid_request_error", "requests: List should have at most 3 items with this API key");
    }

    [Test]
    public async Task A_key_without_a_limit_counts_for_the_others_of_its_workspace()
    {
        await using var server = await ApiServer.StartAsync(mode, ("BatchBus:ApiKeys:0:MaxWaitingRequests", "3"), ("BatchBus:ApiKeys:1:Workspace", "sales"));
        foreach (var count in new[] { 3, 5 })
        {
            var unlimited = await server.SendAsync(HttpMethod.Post, "/v1/messages/batches", new StringContent(Body(count)), ("x-api-key", server.OtherKey));
            Assert.That(unlimited.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        Assert.That((await server.PostAsync(Body(1))).StatusCode, Is.EqualTo(HttpStatusCode.TooManyRequests));
    }

    [Test]
    public async Task Creates_at_once_do_not_exceed_the_limit()
    {
        await using var server = await ApiServer.StartAsync(mode, ("BatchBus:ApiKeys:0:MaxWaitingRequests", "3"));

        var responses = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => server.PostAsync(Body(1))));

        Assert.That(responses.Count(response => response.StatusCode == HttpStatusCode.OK), Is.EqualTo(3));
    }

    private static string Body(int count)
        => JsonSerializer.Serialize(new
        {
            requests = Enumerable.Range(0, count).Select(i => new
            {
                custom_id = $"row-{i}",
                @params = new { model = "mistral-7b", max_tokens = 10, messages = new[] { new { role = "user", content = "hi" } } },
            }),
        });
}
