using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using BatchBus.TestServers;

namespace BatchBus.Api.Tests.Batches;

/// <summary>Every endpoint through the whole life of a batch, as each generation of clients calls it; every batch object is compared whole.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed partial class EveryEndpointTests(Mode mode)
{
    private const int Count = 3;

    private ApiServer _server = null!;
    private (string Name, string Value)[] _headers = null!;
    private string _query = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await ApiServer.StartAsync(mode, ("BatchBus:RequireAnthropicVersion", "true"));
        _server.SetLatency("lognormal:2s,0");
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("x-api-key: KEY", "anthropic-version: 2023-06-01", "anthropic-beta: message-batches-2024-09-24", "?beta=true", TestName = "Every_endpoint_serves_the_older_generation")]
    [TestCase("Authorization: Bearer KEY", "anthropic-version: 2026-10-21", "anthropic-workspace-id: elsewhere", "", TestName = "Every_endpoint_serves_the_newer_generation")]
    public async Task Every_endpoint_serves(string key, string version, string other, string query)
    {
        _headers = [.. new[] { key, version, other }.Select(header => header.Replace("KEY", _server.Key, StringComparison.Ordinal).Split(": ")).Select(parts => (parts[0], parts[1]))];
        _query = query;
        const string Running = """{"processing":3,"succeeded":0,"errored":0,"canceled":0,"expired":0},"created_at":"TIME","expires_at":"TIME","ended_at":null""";

        var created = await CallAsync(HttpMethod.Post, "", body: Body());
        var id = JsonDocument.Parse(created).RootElement.GetProperty("id").GetString()!;
        await AssertIsAsync(created, id, $$"""{"id":"ID","type":"message_batch","processing_status":"in_progress","request_counts":{{Running}},"cancel_initiated_at":null,"archived_at":null,"results_url":null}""");
        await CallAsync(HttpMethod.Get, $"/{id}/results", HttpStatusCode.NotFound, "in_progress");
        await CallAsync(HttpMethod.Delete, $"/{id}", HttpStatusCode.BadRequest, "Cancel it first");

        await Eventually.ThatAsync(() => _server.OpenCalls == Count, "every call is open");
        var canceling = await CallAsync(HttpMethod.Post, $"/{id}/cancel");
        await AssertIsAsync(canceling, id, $$"""{"id":"ID","type":"message_batch","processing_status":"canceling","request_counts":{{Running}},"cancel_initiated_at":"TIME","archived_at":null,"results_url":null}""");
        Assert.That(await CallAsync(HttpMethod.Post, $"/{id}/cancel"), Is.EqualTo(canceling), "a cancel that is repeated changes nothing");
        await CallAsync(HttpMethod.Get, $"/{id}/results", HttpStatusCode.NotFound, "canceling");
        await CallAsync(HttpMethod.Delete, $"/{id}", HttpStatusCode.BadRequest, "Cancel it first");

        var ended = await Eventually.ReadAsync(() => CallAsync(HttpMethod.Get, $"/{id}"), batch => batch.Contains("\"ended\"", StringComparison.Ordinal), "the batch has ended");
        await AssertIsAsync(ended, id, """{"id":"ID","type":"message_batch","processing_status":"ended","request_counts":{"processing":0,"succeeded":3,"errored":0,"canceled":0,"expired":0},"created_at":"TIME","expires_at":"TIME","ended_at":"TIME","cancel_initiated_at":"TIME","archived_at":null,"results_url":"BASE/v1/messages/batches/ID/results"}""");
        Assert.That((await CallAsync(HttpMethod.Get, $"/{id}/results")).Split('\n'), Has.Length.EqualTo(Count + 1));
        await CallAsync(HttpMethod.Post, $"/{id}/cancel", HttpStatusCode.BadRequest, "already ended");
        Assert.That(await CallAsync(HttpMethod.Get, $"/{id}"), Is.EqualTo(ended), "an ended batch never changes");

        Assert.That(await CallAsync(HttpMethod.Delete, $"/{id}"), Is.EqualTo($$"""{"id":"{{id}}","type":"message_batch_deleted"}"""));
        foreach (var (method, path) in new[] { (HttpMethod.Get, ""), (HttpMethod.Get, "/results"), (HttpMethod.Get, "/events"), (HttpMethod.Post, "/cancel"), (HttpMethod.Delete, "") })
        {
            await CallAsync(method, $"/{id}{path}", HttpStatusCode.NotFound, "no message batch");
        }
    }

    private static string Body() => JsonSerializer.Serialize(new
    {
        requests = Enumerable.Range(0, Count).Select(i => new
        {
            custom_id = $"row-{i}",
            @params = new { model = "claude-haiku-4-5", max_tokens = 10, messages = new[] { new { role = "user", content = "hi" } } },
        }),
    });

    [GeneratedRegex(@"(?<="")\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z(?="")")]
    private static partial Regex Time();

    /// <summary>The answer has this shape, and so have the batch when it is read and its entry in the list.</summary>
    private async Task AssertIsAsync(string batch, string id, string shape)
    {
        Assert.That(
            Time().Replace(batch, "TIME").Replace(id, "ID", StringComparison.Ordinal).Replace(_server.Http.BaseAddress!.GetLeftPart(UriPartial.Authority), "BASE", StringComparison.Ordinal), Is.EqualTo(shape));
        Assert.That(await CallAsync(HttpMethod.Get, $"/{id}"), Is.EqualTo(batch));
        Assert.That(await CallAsync(HttpMethod.Get, ""), Is.EqualTo($$"""{"data":[{{batch}}],"has_more":false,"first_id":"{{id}}","last_id":"{{id}}"}"""));
    }

    private async Task<string> CallAsync(HttpMethod method, string path, HttpStatusCode status = HttpStatusCode.OK, string text = "", string? body = null)
    {
        var response = await _server.SendAsync(
            method, $"/v1/messages/batches{path}{_query}", body is null ? null : new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")), _headers);
        var answer = await response.Content.ReadAsStringAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(status), $"{method} {path}: {answer}");
            Assert.That(response.Content.Headers.ContentType?.ToString(), Is.EqualTo(path.EndsWith("/results", StringComparison.Ordinal) && status is HttpStatusCode.OK ? "application/x-jsonl" : "application/json"));
            Assert.That(response.Headers.GetValues("request-id").Single(), Does.StartWith("req_"));
            Assert.That(response.Headers.GetValues("anthropic-workspace-id").Single(), Is.EqualTo("sales"), "that of the key, whatever the caller says");
            Assert.That(answer, Does.Contain(text));
        }

        return answer;
    }
}
