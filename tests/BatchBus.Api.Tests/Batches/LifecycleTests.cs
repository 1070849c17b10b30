using System.Net;
using System.Text.Json;
using BatchBus.TestServers;

namespace BatchBus.Api.Tests.Batches;

/// <summary>List, cancel, expiry, retention and delete.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class LifecycleTests(Mode mode)
{
    private const string SlowModel = "lognormal:1s,0";
    private ApiServer _server = null!;

    [SetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(mode);

    [TearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_listing_of_nothing_has_null_cursors()
        => Assert.That((await JsonAsync(HttpMethod.Get, "")).ToString(), Is.EqualTo("""{"data":[],"has_more":false,"first_id":null,"last_id":null}"""));

    [Test]
    public async Task A_listing_goes_from_the_newest_to_the_oldest_by_after_id()
    {
        var ids = await SubmitManyAsync(5);

        var first = await JsonAsync(HttpMethod.Get, "?limit=2");
        var second = await JsonAsync(HttpMethod.Get, $"?limit=2&after_id={Last(first)}");
        var third = await JsonAsync(HttpMethod.Get, $"?limit=2&after_id={Last(second)}");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Ids(first), Is.EqualTo(new[] { ids[4], ids[3] }));
            Assert.That(Ids(second), Is.EqualTo(new[] { ids[2], ids[1] }));
            Assert.That(Ids(third), Is.EqualTo(new[] { ids[0] }));
            Assert.That(new[] { first, second, third }.Select(HasMore), Is.EqualTo(new[] { true, true, false }));
            Assert.That(first.GetProperty("first_id").GetString(), Is.EqualTo(ids[4]));
        }
    }

    [Test]
    public async Task A_listing_goes_back_to_the_newest_by_before_id()
    {
        var ids = await SubmitManyAsync(5);

        var first = await JsonAsync(HttpMethod.Get, $"?limit=2&before_id={ids[0]}");
        var second = await JsonAsync(HttpMethod.Get, $"?limit=2&before_id={first.GetProperty("first_id").GetString()}");
        var between = await JsonAsync(HttpMethod.Get, $"?after_id={ids[4]}&before_id={ids[0]}");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Ids(first), Is.EqualTo(new[] { ids[2], ids[1] }));
            Assert.That(Ids(second), Is.EqualTo(new[] { ids[4], ids[3] }));
            Assert.That(new[] { first, second }.Select(HasMore), Is.EqualTo(new[] { true, false }));
            Assert.That(Ids(between), Is.EqualTo(new[] { ids[3], ids[2], ids[1] }));
        }
    }

    [Test]
    public async Task A_page_has_20_batches_when_nothing_is_said_and_up_to_1000()
    {
        // An id holds the time by the store's clock, which may be set back a little between two creates.
        var ids = (await SubmitManyAsync(21)).Order(StringComparer.Ordinal).ToList();

        var page = await JsonAsync(HttpMethod.Get, "");
        var all = await JsonAsync(HttpMethod.Get, "?limit=1000&unknown=1");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Ids(page), Is.EqualTo(Enumerable.Reverse(ids).Take(20)));
            Assert.That(HasMore(page));
            Assert.That(Ids(all), Is.EqualTo(Enumerable.Reverse(ids)));
            Assert.That(HasMore(all), Is.False);
        }
    }

    [Test]
    public async Task A_cursor_at_the_end_gives_an_empty_page_and_one_of_a_deleted_batch_still_holds_its_place()
    {
        var ids = await SubmitManyAsync(3);
        const string Nothing = """{"data":[],"has_more":false,"first_id":null,"last_id":null}""";

        Assert.That((await JsonAsync(HttpMethod.Get, $"?after_id={ids[0]}")).ToString(), Is.EqualTo(Nothing));
        Assert.That((await JsonAsync(HttpMethod.Get, $"?before_id={ids[2]}")).ToString(), Is.EqualTo(Nothing));
        await EndAsync(ids[1]);
        await JsonAsync(HttpMethod.Delete, $"/{ids[1]}");
        Assert.That(Ids(await JsonAsync(HttpMethod.Get, $"?after_id={ids[1]}")), Is.EqualTo(new[] { ids[0] }));
        Assert.That(Ids(await JsonAsync(HttpMethod.Get, $"?before_id={ids[1]}")), Is.EqualTo(new[] { ids[2] }));
    }

    [Test]
    public async Task A_listing_shows_only_the_own_workspace()
    {
        await SubmitManyAsync(2);

        var other = await _server.SendAsync(HttpMethod.Get, "/v1/messages/batches", null, ("x-api-key", _server.OtherKey));

        Assert.That(Ids(JsonDocument.Parse(await other.Content.ReadAsStringAsync()).RootElement), Is.Empty);
    }

    [TestCase("limit=0", "limit")]
    [TestCase("limit=1001", "limit")]
    [TestCase("limit=x", "limit")]
    [TestCase("after_id=batch", "after_id")]
    [TestCase("before_id=msgbatch_", "before_id")]
    public async Task A_bad_page_is_refused(string query, string field)
        => await _server.AssertErrorAsync(
            await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches?{query}"), HttpStatusCode.BadRequest, "invalid_request_error", field);

    [Test]
    public async Task A_cancel_keeps_what_is_in_flight_and_cancels_the_rest()
    {
        _server.SetLatency(SlowModel);
        var id = await SubmitAsync(500);
        await Eventually.ThatAsync(() => _server.OpenCalls > 0, "calls are open");

        var canceling = await JsonAsync(HttpMethod.Post, $"/{id}/cancel");
        var again = await JsonAsync(HttpMethod.Post, $"/{id}/cancel");
        var ended = await EndAsync(id);

        var counts = ended.GetProperty("request_counts");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(canceling.GetProperty("processing_status").GetString(), Is.EqualTo("canceling"));
            Assert.That(canceling.GetProperty("cancel_initiated_at").ValueKind, Is.EqualTo(JsonValueKind.String));
            Assert.That(canceling.GetProperty("request_counts").GetProperty("processing").GetInt32(), Is.EqualTo(500));
            Assert.That(canceling.GetProperty("results_url").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(again.GetProperty("cancel_initiated_at").GetString(), Is.EqualTo(canceling.GetProperty("cancel_initiated_at").GetString()));
            Assert.That(ended.GetProperty("cancel_initiated_at").GetString(), Is.EqualTo(canceling.GetProperty("cancel_initiated_at").GetString()));
            Assert.That(counts.GetProperty("canceled").GetInt32(), Is.GreaterThan(100));
            Assert.That(counts.GetProperty("succeeded").GetInt32(), Is.GreaterThan(0), "what was in flight succeeded");
            Assert.That(counts.EnumerateObject().Sum(count => count.Value.GetInt32()), Is.EqualTo(500));
        }

        var types = (await ResultsAsync(id)).CountBy(line => line.GetProperty("result").GetProperty("type").GetString()!).ToDictionary();
        Assert.That(
            (await ResultsAsync(id)).Select(line => line.GetRawText()).Where(line => line.Contains("canceled", StringComparison.Ordinal)),
            Is.All.Match("""^{"custom_id":"row-\d+","result":{"type":"canceled"}}$"""));
        Assert.That(types["canceled"], Is.EqualTo(counts.GetProperty("canceled").GetInt32()));
        Assert.That(types["succeeded"], Is.EqualTo(counts.GetProperty("succeeded").GetInt32()));
        Assert.That(_server.Executions, Is.LessThanOrEqualTo(types["succeeded"] + 64), "nothing was started after the cancel");
    }

    [Test]
    public async Task An_ended_batch_cannot_be_canceled()
    {
        var id = await SubmitAsync(1);
        await EndAsync(id);

        var response = await _server.SendAsync(HttpMethod.Post, $"/v1/messages/batches/{id}/cancel");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("invalid_request_error").And.Contain("already ended"));
    }

    [Test]
    public async Task A_batch_expires_by_the_clock()
    {
        _server.SetLatency(SlowModel);
        var id = await SubmitAsync(500, expiresInSeconds: 2);

        var ended = await EndAsync(id);

        var counts = ended.GetProperty("request_counts");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(counts.GetProperty("expired").GetInt32(), Is.GreaterThan(100));
            Assert.That(counts.GetProperty("canceled").GetInt32(), Is.Zero);
            Assert.That(counts.EnumerateObject().Sum(count => count.Value.GetInt32()), Is.EqualTo(500));
            Assert.That(
                (await ResultsAsync(id)).Count(line => System.Text.RegularExpressions.Regex.IsMatch(line.GetRawText(), """^{"custom_id":"row-\d+","result":{"type":"expired"}}$""")),
                Is.EqualTo(counts.GetProperty("expired").GetInt32()));
        }
    }

    [Test]
    public async Task A_running_batch_cannot_be_deleted()
    {
        _server.SetLatency(SlowModel);
        var id = await SubmitAsync(10);

        var response = await _server.SendAsync(HttpMethod.Delete, $"/v1/messages/batches/{id}");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("Cancel it first"));
    }

    [Test]
    public async Task A_deleted_batch_is_gone_from_everywhere()
    {
        var id = await SubmitAsync(100);
        await EndAsync(id);

        var deleted = await JsonAsync(HttpMethod.Delete, $"/{id}");

        Assert.That(deleted.ToString(), Is.EqualTo($$"""{"id":"{{id}}","type":"message_batch_deleted"}"""));
        using (Assert.EnterMultipleScope())
        {
            foreach (var (method, path) in new[] { (HttpMethod.Get, ""), (HttpMethod.Get, "/results"), (HttpMethod.Post, "/cancel"), (HttpMethod.Delete, "") })
            {
                Assert.That((await _server.SendAsync(method, $"/v1/messages/batches/{id}{path}")).StatusCode, Is.EqualTo(HttpStatusCode.NotFound), $"{method} {path}");
            }

            Assert.That(Ids(await JsonAsync(HttpMethod.Get, "")), Is.Empty);
        }

        await Eventually.ThatAsync(async () => (await _server.StoredAsync()).Count == 0, "nothing is stored");
    }

    [Test]
    public async Task Results_are_removed_after_their_time_and_the_batch_stays()
    {
        await _server.DisposeAsync();
        _server = await ApiServer.StartAsync(mode, ("BatchBus:Retention:Results", "00:00:05"));
        var id = await SubmitAsync(10);
        await EndAsync(id);
        Assert.That(await ResultsAsync(id), Has.Count.EqualTo(10));

        var archived = await Eventually.ReadAsync(
            () => JsonAsync(HttpMethod.Get, $"/{id}"), batch => batch.GetProperty("archived_at").ValueKind is JsonValueKind.String, "the batch is archived");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(archived.GetProperty("archived_at").GetString(), Does.Match(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"));
            Assert.That(archived.GetProperty("processing_status").GetString(), Is.EqualTo("ended"));
            Assert.That(archived.GetProperty("results_url").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(archived.GetProperty("request_counts").GetProperty("succeeded").GetInt32(), Is.EqualTo(10));
            Assert.That((await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}/results")).StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        }

        await Eventually.ThatAsync(
            async () => (await _server.StoredAsync()).All(key => key.EndsWith(":record", StringComparison.Ordinal)), "only the record is left");
    }

    private static string?[] Ids(JsonElement page) => [.. page.GetProperty("data").EnumerateArray().Select(batch => batch.GetProperty("id").GetString())];

    private static string? Last(JsonElement page) => page.GetProperty("last_id").GetString();

    private static bool HasMore(JsonElement page) => page.GetProperty("has_more").GetBoolean();

    private async Task<string[]> SubmitManyAsync(int count)
    {
        var ids = new string[count];
        for (var i = 0; i < count; i++)
        {
            ids[i] = await SubmitAsync(1);
        }

        return ids;
    }

    private async Task<string> SubmitAsync(int count, int? expiresInSeconds = null)
    {
        var requests = string.Join(',', Enumerable.Range(0, count).Select(i => $$$"""
            {"custom_id":"row-{{{i}}}","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"row {{{i}}}"}]}}
            """));
        var expiry = expiresInSeconds is null ? "" : $",\"expires_in_seconds\":{expiresInSeconds}";
        var response = await _server.PostAsync($"{{\"requests\":[{requests}]{expiry}}}");
        var text = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), text);
        return JsonDocument.Parse(text).RootElement.GetProperty("id").GetString()!;
    }

    private async Task<JsonElement> JsonAsync(HttpMethod method, string path)
    {
        var response = await _server.SendAsync(method, $"/v1/messages/batches{path}");
        var text = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), text);
        return JsonDocument.Parse(text).RootElement;
    }

    private Task<JsonElement> EndAsync(string id)
        => Eventually.ReadAsync(() => JsonAsync(HttpMethod.Get, $"/{id}"), batch => batch.GetProperty("processing_status").GetString() == "ended", $"{id} has ended");

    private async Task<IReadOnlyList<JsonElement>> ResultsAsync(string id)
    {
        var response = await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}/results");
        return [.. (await response.Content.ReadAsStringAsync()).TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement)];
    }
}
