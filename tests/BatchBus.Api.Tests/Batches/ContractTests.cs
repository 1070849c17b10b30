using System.Net;
using System.Text.Json;

namespace BatchBus.Api.Tests.Batches;

/// <summary>The wire contract of a batch's whole life, for both generations of clients.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class ContractTests(Mode mode)
{
    private const string Requests = """
        [{"custom_id":"good","params":{"model":"claude-haiku-4-5","max_tokens":10,"messages":[{"role":"user","content":"hi\nthere"}]}},
         {"custom_id":"bad","params":{"model":"mistral-7b","max_tokens":"ten","messages":[{"role":"user","content":"hi"}]}},
         {"custom_id":"unknown","params":{"model":"gpt-9","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}}]
        """;

    private static readonly string[] MessageFields = ["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details", "container", "diagnostics", "usage"];

    private static readonly string[] UsageFields =
    [
        "input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use", "output_tokens_details", "inference_geo", "service_tier", "speed",
    ];

    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(mode, ("BatchBus:PublicBaseUrl", "https://models.example/anthropic/"));

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("x-api-key", "", "2023-06-01", "?beta=true")]
    [TestCase("authorization", "Bearer ", "2026-10-21", "")]
    public async Task A_batch_lives_as_documented(string header, string prefix, string version, string query)
    {
        (string, string)[] headers =
        [
            (header, prefix + _server.Key), ("anthropic-version", version), ("anthropic-beta", "message-batches-2024-09-24,message-batches-2024-09-24"),
            ("x-stainless-lang", "js"), ("x-stainless-retry-count", "0"), ("x-stainless-timeout", "600"), ("accept", "application/json"),
        ];
        var created = await ReadAsync(await _server.SendAsync(
            HttpMethod.Post, $"/v1/messages/batches{query}", new StringContent($$$"""{"requests":{{{Requests}}}}""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")), headers));
        var id = created.GetProperty("id").GetString()!;
        await _server.EndAsync(id);

        var ended = await ReadAsync(await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}{query}", null, headers));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(id, Does.Match("^msgbatch_[0-9A-Za-z]{24}$"));
            Assert.That(created.GetProperty("processing_status").GetString(), Is.EqualTo("in_progress"));
            Assert.That(ended.GetProperty("processing_status").GetString(), Is.EqualTo("ended"));
            Assert.That(ended.GetProperty("request_counts").ToString(), Is.EqualTo("""{"processing":0,"succeeded":1,"errored":2,"canceled":0,"expired":0}"""));
            Assert.That(ended.GetProperty("created_at").GetString(), Is.EqualTo(created.GetProperty("created_at").GetString()));
            Assert.That(ended.GetProperty("ended_at").GetString(), Does.Match(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"));
            Assert.That(ended.GetProperty("cancel_initiated_at").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(ended.GetProperty("archived_at").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(ended.GetProperty("results_url").GetString(), Is.EqualTo($"https://models.example/anthropic/v1/messages/batches/{id}/results"));
        }
    }

    [TestCase("application/binary")]
    [TestCase("application/x-jsonl")]
    public async Task Result_lines_are_strict_and_whole(string accept)
    {
        var id = (await _server.CreateAsync($$$"""{"requests":{{{Requests}}}}""")).GetProperty("id").GetString()!;
        await _server.EndAsync(id);

        var response = await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}/results", null, ("x-api-key", _server.Key), ("accept", accept), ("accept-encoding", "identity"));
        var bytes = await response.Content.ReadAsByteArrayAsync();
        var text = System.Text.Encoding.UTF8.GetString(bytes);

        Assert.That(response.Content.Headers.ContentType?.ToString(), Is.EqualTo("application/x-jsonl"));
        Assert.That(bytes[0], Is.EqualTo('{'), "no byte order mark");
        Assert.That(text, Does.Not.Contain("\r").And.Not.Contain("\n\n").And.StartWith("{").And.EndWith("}\n"));
        var lines = text.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToList();
        var message = lines[0].GetProperty("result").GetProperty("message");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines.Select(line => Names(line)), Is.All.EqualTo("custom_id result"));
            Assert.That(lines.Select(line => line.GetProperty("custom_id").GetString()), Is.EqualTo(new[] { "good", "bad", "unknown" }));
            Assert.That(Names(lines[0].GetProperty("result")), Is.EqualTo("type message"));
            Assert.That(message.EnumerateObject().Select(field => field.Name), Is.SupersetOf(MessageFields));
            Assert.That(message.GetProperty("usage").EnumerateObject().Select(field => field.Name), Is.SupersetOf(UsageFields));
            Assert.That(message.GetProperty("id").GetString(), Does.StartWith("msg_"));
            Assert.That(message.GetProperty("type").GetString(), Is.EqualTo("message"));
            Assert.That(message.GetProperty("role").GetString(), Is.EqualTo("assistant"));
            Assert.That(message.GetProperty("model").GetString(), Is.EqualTo("mistral-7b"), "the model that answered");
            Assert.That(message.GetProperty("content")[0].GetProperty("type").GetString(), Is.EqualTo("text"));
            Assert.That(message.GetProperty("content")[0].GetProperty("text").GetString(), Is.Not.Empty);
            Assert.That(message.GetProperty("stop_reason").GetString(), Is.AnyOf("end_turn", "max_tokens"));
            Assert.That(message.GetProperty("stop_sequence").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(message.GetProperty("usage").GetProperty("input_tokens").GetInt32(), Is.Positive);
            Assert.That(message.GetProperty("usage").GetProperty("output_tokens").GetInt32(), Is.InRange(1, 10));
            Assert.That(message.GetProperty("usage").GetProperty("service_tier").GetString(), Is.EqualTo("batch"));
            AssertErrored(lines[1], "invalid_request_error", "max_tokens");
            AssertErrored(lines[2], "not_found_error", "gpt-9");
        }

        static void AssertErrored(JsonElement line, string type, string field)
        {
            var result = line.GetProperty("result");
            var error = result.GetProperty("error");
            Assert.That(result.GetProperty("type").GetString(), Is.EqualTo("errored"));
            Assert.That(Names(error), Is.EqualTo("type error request_id"));
            Assert.That(error.GetProperty("type").GetString(), Is.EqualTo("error"));
            Assert.That(error.GetProperty("error").GetProperty("type").GetString(), Is.EqualTo(type));
            Assert.That(error.GetProperty("error").GetProperty("message").GetString(), Does.Contain(field));
            Assert.That(error.GetProperty("request_id").GetString(), Does.StartWith("req_"));
        }
    }

    /// <summary>What the clients' own tests send, or callers may: errors come per request, never for the batch.</summary>
    [TestCase("""{"stream":true}""")]
    [TestCase("""{"speed":"fast"}""")]
    [TestCase("""{"max_tokens":0}""")]
    [TestCase("""{"temperature":"hot"}""")]
    [TestCase("""{"container":{"skills":[{"skill_id":"x","type":"anthropic"}]}}""")]
    [TestCase("""{"inference_geo":"eu","cache_control":{"type":"ephemeral"},"thinking":{"type":"adaptive"}}""")]
    [TestCase("""{"betas":["x"],"output_format":{}}""")]
    [TestCase("""{"never_heard_of":{"a":[1,2,{}]}}""")]
    [TestCase("{}")]
    public async Task A_create_is_never_refused_for_its_params(string parameters)
    {
        var batch = await _server.CreateAsync($$$"""{"requests":[{"custom_id":"a","params":{{{parameters}}}}]}""");

        Assert.That(batch.GetProperty("request_counts").GetProperty("processing").GetInt32(), Is.EqualTo(1));
    }

    [TestCase("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")]
    [TestCase("-")]
    [TestCase("0")]
    public async Task A_custom_id_may_have_any_of_the_documented_characters_and_64_of_them(string customId)
    {
        var id = (await _server.CreateAsync($$$"""{"requests":[{"custom_id":"{{{customId}}}","params":{"model":"gpt-9"}}]}""")).GetProperty("id").GetString()!;
        await _server.EndAsync(id);

        var line = await _server.GetAsync($"/v1/messages/batches/{id}/results");

        Assert.That(line.GetProperty("custom_id").GetString(), Is.EqualTo(customId));
    }

    [Test]
    public async Task Unknown_fields_of_the_envelope_are_ignored()
    {
        var batch = await _server.CreateAsync($$$"""{"metadata":{"a":1},"requests":[{"custom_id":"a","params":{},"method":"POST"}],"service_tier":null,"stage":null,"expires_in_seconds":null}""");

        Assert.That(batch.GetProperty("request_counts").GetProperty("processing").GetInt32(), Is.EqualTo(1));
    }

    [Test]
    public async Task A_batch_expires_when_it_says()
    {
        var batch = await _server.CreateAsync("""{"requests":[{"custom_id":"a","params":{}}],"expires_in_seconds":7200}""");

        Assert.That(batch.GetProperty("expires_at").GetDateTimeOffset() - batch.GetProperty("created_at").GetDateTimeOffset(), Is.EqualTo(TimeSpan.FromHours(2)));
    }

    [Test]
    public async Task Every_answer_has_an_id_of_its_own()
    {
        var ids = new List<string>();
        foreach (var path in new[] { "/v1/messages/batches/x", "/v1/models", "/v1/nowhere", "/openapi.json" })
        {
            ids.Add((await _server.SendAsync(HttpMethod.Get, path)).Headers.GetValues("request-id").Single());
        }

        Assert.That(ids, Is.Unique.And.All.StartWith("req_"));
    }

    private static string Names(JsonElement element) => string.Join(' ', element.EnumerateObject().Select(field => field.Name));

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), text);
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/json"));
        Assert.That(response.Headers.GetValues("request-id").Single(), Does.StartWith("req_"));
        return JsonDocument.Parse(text).RootElement;
    }
}
