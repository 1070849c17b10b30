using System.Net;
using System.Text.Json;
using BatchBus.Contracts;
using BatchBus.Storage.Submissions;

namespace BatchBus.Api.Tests.Batches;

/// <summary>A batch of what did not succeed in another.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class RetryTests(Mode mode)
{
    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
        => _server = await ApiServer.StartAsync(
            mode, ("BatchBus:Models:llama-70b:Prefetch", "1"), ("BatchBus:ApiKeys:2:Workspace", "limited"), ("BatchBus:ApiKeys:2:Hash", Keys.ApiKeyHash), ("BatchBus:ApiKeys:2:MaxWaitingRequests", "50"));

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [SetUp]
    public void SetUp() => _server.SetLatency("20ms");

    [Test]
    public async Task Exactly_what_did_not_succeed_is_executed_again_as_it_was_submitted()
    {
        var requests = Enumerable.Range(0, 70).Select(i => Request($"r{i}", i % 3 == 0 ? "llama-70b" : "mistral-7b", valid: i % 7 != 0)).Append(Request("lost", "gpt-9"));
        var id = await CreateAsync(requests);
        await _server.EndAsync(id);

        var retry = await RetryAsync(id);
        var again = retry.GetProperty("id").GetString()!;
        await _server.EndAsync(again);

        var (before, after) = (await ResultsAsync(id), await ResultsAsync(again));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(again, Is.Not.EqualTo(id));
            Assert.That(retry.GetProperty("request_counts").GetProperty("processing").GetInt32(), Is.EqualTo(11));
            Assert.That(after.Keys, Is.EquivalentTo(before.Where(result => Type(result.Value) != "succeeded").Select(result => result.Key)));
            Assert.That(after.Select(result => Error(result.Value)), Is.EquivalentTo(after.Select(result => Error(before[result.Key]))), "the same params and models end in the same words");
        }
    }

    [Test]
    public async Task However_often_it_is_asked_for_there_is_one_batch_until_that_is_deleted()
    {
        var id = await CreateAsync([Request("good", "mistral-7b"), Request("bad", "mistral-7b", valid: false)]);
        await _server.EndAsync(id);

        var retries = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => RetryAsync(id)));
        var first = retries[0].GetProperty("id").GetString()!;

        Assert.That(retries.Select(retry => retry.GetProperty("id").GetString()), Is.All.EqualTo(first));
        await _server.EndAsync(first);
        await _server.SendAsync(HttpMethod.Delete, $"/v1/messages/batches/{first}");
        Assert.That(BatchId.TryParse(first, out var deleted));

        // Its maker counts as alive for some seconds, in which a repeat would wait for it.
        await _server.Part<SubmissionStore>().HoldAsync("sales", $"retry:{id}", deleted, TimeSpan.FromMilliseconds(1));
        Assert.That((await RetryAsync(id)).GetProperty("id").GetString(), Is.Not.EqualTo(first));
    }

    [Test]
    public async Task Canceled_requests_of_a_stage_run_on_its_model()
    {
        _server.SetLatency("1s");
        var id = await CreateAsync([Request("a", null), Request("b", null), Request("c", null), Request("d", null)], "sales_intel");
        await _server.SendAsync(HttpMethod.Post, $"/v1/messages/batches/{id}/cancel");
        _server.SetLatency("20ms");
        await _server.EndAsync(id);

        var again = (await RetryAsync(id)).GetProperty("id").GetString()!;
        await _server.EndAsync(again);

        var left = (await ResultsAsync(id)).Where(result => Type(result.Value) == "canceled").Select(result => result.Key);
        var results = await ResultsAsync(again);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(results.Keys, Is.EquivalentTo(left).And.Not.Empty);
            Assert.That(results.Values.Select(result => result.GetProperty("message").GetProperty("model").GetString()), Is.All.EqualTo("llama-70b"));
            Assert.That(
                (await _server.GetAsync($"/v1/messages/batches/{again}/requests/{results.Keys.First()}")).GetProperty("routing").GetRawText(),
                Is.EqualTo("""{"model":"llama-70b","rule":"batch_stage","stage":"sales_intel"}"""));
        }
    }

    [Test]
    public async Task What_cannot_be_retried_is_refused_with_the_reason()
    {
        var succeeded = await CreateAsync([Request("good", "mistral-7b")]);
        await _server.EndAsync(succeeded);
        _server.SetLatency("2s");
        var open = await CreateAsync([Request("slow", "mistral-7b"), Request("bad", "mistral-7b", valid: false)]);

        await RefusedAsync(succeeded, HttpStatusCode.BadRequest, "nothing to retry");
        await RefusedAsync(open, HttpStatusCode.BadRequest, "has not ended");
        await RefusedAsync("msgbatch_010352LTegJpzjDqOpoDSxUG", HttpStatusCode.NotFound, "no message batch");
        await RefusedAsync(succeeded, HttpStatusCode.NotFound, "no message batch", _server.OtherKey);
        await _server.SendAsync(HttpMethod.Post, $"/v1/messages/batches/{open}/cancel");
    }

    [Test]
    public async Task Its_requests_count_among_those_that_may_wait()
    {
        var many = await CreateAsync(Enumerable.Range(0, 40).Select(i => Request($"r{i}", "mistral-7b", valid: false)), key: Keys.ApiKey);
        await TestServers.Eventually.ThatAsync(
            async () => (await Read(await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{many}", null, ("x-api-key", Keys.ApiKey)))).GetProperty("processing_status").GetString() == "ended", "it has ended");
        _server.SetLatency("2s");
        var waiting = await CreateAsync(Enumerable.Range(0, 20).Select(i => Request($"r{i}", "mistral-7b")), key: Keys.ApiKey);

        await RefusedAsync(many, HttpStatusCode.TooManyRequests, "requests of this workspace are waiting", Keys.ApiKey);
        await _server.SendAsync(HttpMethod.Post, $"/v1/messages/batches/{waiting}/cancel", null, ("x-api-key", Keys.ApiKey));
    }

    private static object Request(string customId, string? model, bool valid = true) => new
    {
        custom_id = customId,
        @params = new { model, max_tokens = valid ? (object)10 : "ten", messages = new[] { new { role = "user", content = $"About {customId}" } } },
    };

    private static string Type(JsonElement result) => result.GetProperty("type").GetString()!;

    private static string? Error(JsonElement result) => result.TryGetProperty("error", out var error) ? error.GetProperty("error").GetProperty("message").GetString() : null;

    private static async Task<JsonElement> Read(HttpResponseMessage response) => JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;

    private async Task<string> CreateAsync(IEnumerable<object> requests, string? stage = null, string? key = null)
    {
        var options = new JsonSerializerOptions { DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull };
        var content = new StringContent(JsonSerializer.Serialize(new { requests, stage }, options), new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));
        var created = await Read(await _server.SendAsync(HttpMethod.Post, "/v1/messages/batches", content, ("x-api-key", key ?? _server.Key)));
        return created.GetProperty("id").GetString()!;
    }

    private async Task<JsonElement> RetryAsync(string id)
    {
        var response = await _server.SendAsync(HttpMethod.Post, $"/v1/messages/batches/{id}/retry");
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
        return await Read(response);
    }

    private async Task RefusedAsync(string id, HttpStatusCode status, string message, string? key = null)
    {
        var response = await _server.SendAsync(HttpMethod.Post, $"/v1/messages/batches/{id}/retry", null, ("x-api-key", key ?? _server.Key));
        Assert.That(response.StatusCode, Is.EqualTo(status));
        Assert.That((await Read(response)).GetProperty("error").GetProperty("message").GetString(), Does.Contain(message));
    }

    private async Task<Dictionary<string, JsonElement>> ResultsAsync(string id)
    {
        var response = await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}/results");
        return (await response.Content.ReadAsStringAsync()).TrimEnd().Split('\n')
            .Select(line => JsonDocument.Parse(line).RootElement)
            .ToDictionary(line => line.GetProperty("custom_id").GetString()!, line => line.GetProperty("result"));
    }

    /// <summary>A key with a limit.</summary>
    private static class Keys
    {
        public static string ApiKey { get; } = Api.Keys.ApiKey.New();

        public static string ApiKeyHash { get; } = Api.Keys.ApiKey.Hash(ApiKey);
    }
}
