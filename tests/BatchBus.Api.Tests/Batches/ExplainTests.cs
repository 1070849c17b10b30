using System.Net;
using System.Text.Json;
using BatchBus.Storage.Endpoints;
using BatchBus.TestServers;

namespace BatchBus.Api.Tests.Batches;

/// <summary>Where one request is, as operators are told; without what it says and was answered.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class ExplainTests(Mode mode)
{
    private const string Prompt = "a secret of the caller";

    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(mode, ("BatchBus:Models:mistral-7b:Prefetch", "2"));

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [SetUp]
    public void SetUp() => _server.SetLatency("20ms");

    [TestCase("""{"custom_id":"X","metadata":{"model_hint":"llama-70b"},"params":PARAMS}""", "model_hint", "llama-70b")]
    [TestCase("""{"custom_id":"X","metadata":{"stage":"email"},"params":PARAMS}""", "request_stage", "mistral-7b")]
    [TestCase("""{"custom_id":"X","params":{"model":"llama-70b","max_tokens":10,"messages":[]}}""", "model", "llama-70b")]
    [TestCase("""{"custom_id":"X","params":{"model":"claude-haiku-4-5","max_tokens":10,"messages":[]}}""", "alias", "mistral-7b")]
    [TestCase("""{"custom_id":"X","params":PARAMS}""", "default", "mistral-7b")]
    public async Task The_rule_that_chose_the_model_is_named(string request, string rule, string model)
    {
        var id = await CreateAsync([request]);
        await _server.EndAsync(id);

        var explained = await ExplainAsync(id, "X");

        Assert.That(explained.GetProperty("routing").GetRawText(), Is.EqualTo($$"""{"model":"{{model}}","rule":"{{rule}}","stage":null}"""));
        Assert.That(Words(explained), Does.Contain($"It runs on {model}"));
    }

    [Test]
    public async Task Results_are_explained_wherever_in_a_large_batch_the_request_lies()
    {
        var id = await CreateAsync(Enumerable.Range(0, 200).Select(i => Request($"r{i}", i is 77 ? "\"ten\"" : "10", i % 2 == 0 ? "mistral-7b" : "llama-70b")).Append(Request("lost", "10", "gpt-9")));
        await _server.EndAsync(id);

        var (first, errored, last, lost) = (await ExplainAsync(id, "r0"), await ExplainAsync(id, "r77"), await ExplainAsync(id, "r199"), await ExplainAsync(id, "lost"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((Status(first), Index(first), Status(last), Index(last)), Is.EqualTo(("succeeded", 0, "succeeded", 199)));
            Assert.That(first.GetProperty("result").GetProperty("output_tokens").GetInt32(), Is.Positive);
            Assert.That(first.GetProperty("queue").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(Status(errored), Is.EqualTo("errored"));
            Assert.That(errored.GetProperty("result").GetProperty("error_type").GetString(), Is.EqualTo("invalid_request_error"));
            Assert.That(Words(errored), Does.Contain("max_tokens: Input should be a valid integer"));
            Assert.That(Status(lost), Is.EqualTo("errored"));
            Assert.That(Words(lost), Does.Contain("unknown model \"gpt-9\"").And.Contain("mend the name"));
        }
    }

    [Test]
    public async Task What_waits_is_told_what_is_before_it_and_what_is_wrong_with_the_endpoint()
    {
        _server.SetLatency("3s");
        var id = await CreateAsync(Enumerable.Range(0, 12).Select(i => Request($"r{i}", "10", "mistral-7b")));
        await Eventually.ThatAsync(() => _server.OpenCalls == 2, "both slots are taken");
        await _server.Part<EndpointStore>().OpenAsync("llama-70b", isStopped: true, "Unauthorized: HTTP 401; check ApiKey");
        var other = await CreateAsync([Request("x", "10", "llama-70b")]);

        var (first, last) = (await ExplainAsync(id, "r0"), await ExplainAsync(id, "r11"));
        var stopped = await ExplainAsync(other, "x");
        await _server.Part<EndpointStore>().CloseAsync("llama-70b");
        foreach (var batch in new[] { id, other })
        {
            await _server.SendAsync(HttpMethod.Post, $"/v1/messages/batches/{batch}/cancel");
        }

        var canceling = await ExplainAsync(id, "r11");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Status(first), Is.EqualTo("with_worker"));
            Assert.That(first.GetProperty("queue").GetProperty("worker").GetString(), Is.Not.Empty);
            Assert.That(Status(last), Is.EqualTo("waiting"));
            Assert.That(last.GetProperty("queue").GetProperty("requests_before").GetInt32(), Is.EqualTo(11));
            Assert.That(last.GetProperty("queue").GetProperty("slots").GetInt32(), Is.EqualTo(2));
            Assert.That(Words(last), Does.Contain("11 requests of its batch for mistral-7b come before it"));
            Assert.That(stopped.GetProperty("endpoints")[0].GetProperty("stopped").GetBoolean(), Is.True);
            Assert.That(Words(stopped), Does.Contain("is out of use since").And.Contain("HTTP 401").And.Contain("Only you can mend that"));
            Assert.That(Status(canceling), Is.EqualTo("canceling"));
        }
    }

    [Test]
    public async Task Only_the_own_workspace_is_told_and_only_of_what_there_is()
    {
        var id = await CreateAsync([Request("a", "10", "mistral-7b")]);
        await _server.EndAsync(id);

        Assert.That((await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}/requests/a", null, ("x-api-key", _server.OtherKey))).StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That((await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}/requests/A")).StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    private static string Request(string customId, string maxTokens, string model)
        => $$$"""{"custom_id":"{{{customId}}}","params":{"model":"{{{model}}}","max_tokens":{{{maxTokens}}},"messages":[{"role":"user","content":"{{{Prompt}}}"}]}}""";

    private static string Status(JsonElement explained) => explained.GetProperty("status").GetString()!;

    private static int Index(JsonElement explained) => explained.GetProperty("index").GetInt32();

    private static string Words(JsonElement explained) => string.Join(' ', explained.GetProperty("explanation").EnumerateArray());

    private async Task<string> CreateAsync(IEnumerable<string> requests)
        => (await _server.CreateAsync($$"""{"requests":[{{string.Join(',', requests).Replace("PARAMS", """{"max_tokens":10,"messages":[]}""", StringComparison.Ordinal)}}]}""")).GetProperty("id").GetString()!;

    private async Task<JsonElement> ExplainAsync(string id, string customId)
    {
        var response = await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}/requests/{customId}");
        var text = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), text);
        Assert.That(text, Does.Not.Contain(Prompt).And.Not.Contain("[simulated"), "neither prompt nor answer");
        return JsonDocument.Parse(text).RootElement;
    }
}
