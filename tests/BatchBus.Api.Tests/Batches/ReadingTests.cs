using System.Net;
using System.Text.Json;
using BatchBus.TestServers;

namespace BatchBus.Api.Tests.Batches;

[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class ReadingTests(Mode mode)
{
    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(mode);

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("/v1/messages/batches/nonsense", "no message batch with the id \"nonsense\"")]
    [TestCase("/v1/messages/batches/msgbatch_01zzzzzzzzzzzzzzzzzzzzzz", "no message batch")]
    [TestCase("/v1/messages/batches/msgbatch_0100000000000000000000000/results", "no message batch")]
    [TestCase("/v1/nowhere", "There is nothing at /v1/nowhere")]
    public async Task What_does_not_exist_is_not_found(string path, string message)
        => await AssertErrorAsync(await _server.SendAsync(HttpMethod.Get, path), HttpStatusCode.NotFound, "not_found_error", message);

    [Test]
    public async Task A_wrong_verb_is_told_the_right_one()
        => await AssertErrorAsync(
            await _server.SendAsync(HttpMethod.Put, "/v1/messages/batches"), HttpStatusCode.MethodNotAllowed, "invalid_request_error", "It takes GET, POST");

    [Test]
    public async Task Results_are_not_there_before_the_end()
    {
        var id = await SubmitAsync("""{"requests":[{"custom_id":"a","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}}]}""");

        await AssertErrorAsync(
            await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}/results"), HttpStatusCode.NotFound, "not_found_error", "in_progress");
    }

    [Test]
    public async Task A_running_batch_counts_everything_as_processing()
    {
        var id = await SubmitAsync("""{"stage":"email","requests":[{"custom_id":"a","params":{"max_tokens":10,"messages":[{"role":"user","content":"hi"}]}}]}""");

        var batch = await GetAsync(id);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(batch.EnumerateObject().Select(field => field.Name), Is.EqualTo(new[]
            {
                "id", "type", "processing_status", "request_counts", "created_at", "expires_at", "ended_at", "cancel_initiated_at", "archived_at", "results_url",
            }));
            Assert.That(batch.GetProperty("type").GetString(), Is.EqualTo("message_batch"));
            Assert.That(batch.GetProperty("request_counts").ToString(), Is.EqualTo("""{"processing":1,"succeeded":0,"errored":0,"canceled":0,"expired":0}"""));
            Assert.That(batch.GetProperty("created_at").GetString(), Does.Match(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"));
            Assert.That(
                batch.GetProperty("expires_at").GetDateTimeOffset() - batch.GetProperty("created_at").GetDateTimeOffset(), Is.EqualTo(TimeSpan.FromHours(24)));
            Assert.That(new[] { "ended_at", "cancel_initiated_at", "archived_at", "results_url" }.Select(name => batch.GetProperty(name).ValueKind), Is.All.EqualTo(JsonValueKind.Null));
        }
    }

    [Test]
    public async Task Requests_that_cannot_be_executed_are_errored_and_the_others_run()
    {
        var id = await SubmitAsync("""
            {"requests":[
              {"custom_id":"good","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}},
              {"custom_id":"hint","metadata":{"model_hint":"gpt-9"},"params":{"max_tokens":10,"messages":[{"role":"user","content":"hi"}]}},
              {"custom_id":"model","params":{"model":"gpt-9","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}},
              {"custom_id":"stage","metadata":{"stage":"nowhere"},"params":{"max_tokens":10,"messages":[{"role":"user","content":"hi"}]}},
              {"custom_id":"params","params":{"model":"mistral-7b","messages":[{"role":"user","content":"hi"}]}}
            ]}
            """);

        var batch = await EndAsync(id);
        var results = await ResultsAsync(id);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(batch.GetProperty("request_counts").ToString(), Is.EqualTo("""{"processing":0,"succeeded":1,"errored":4,"canceled":0,"expired":0}"""));
            Assert.That(results.Select(line => line.GetProperty("custom_id").GetString()), Is.EqualTo(new[] { "good", "hint", "model", "stage", "params" }));
            Assert.That(results[0].GetProperty("result").GetProperty("type").GetString(), Is.EqualTo("succeeded"));
            Assert.That(results.Skip(1).Select(line => line.GetProperty("result").GetProperty("error").GetProperty("error").GetProperty("type").GetString()), Is.EqualTo(new[]
            {
                "not_found_error", "not_found_error", "not_found_error", "invalid_request_error",
            }));
            Assert.That(Message(results[1]), Does.Contain("metadata.model_hint").And.Contain("mistral-7b"));
            Assert.That(Message(results[3]), Does.Contain("metadata.stage").And.Contain("sales_intel"));
            Assert.That(Message(results[4]), Does.StartWith("max_tokens: Field required"));
        }

        static string Message(JsonElement line) => line.GetProperty("result").GetProperty("error").GetProperty("error").GetProperty("message").GetString()!;
    }

    [Test]
    public async Task A_batch_of_which_nothing_can_be_executed_ends_at_once()
    {
        var id = await SubmitAsync("""{"requests":[{"custom_id":"a","params":{"model":"gpt-9"}},{"custom_id":"b","params":{"model":"gpt-9"}}]}""");

        var batch = await EndAsync(id);

        Assert.That(batch.GetProperty("request_counts").ToString(), Is.EqualTo("""{"processing":0,"succeeded":0,"errored":2,"canceled":0,"expired":0}"""));
        Assert.That(await ResultsAsync(id), Has.Count.EqualTo(2));
    }

    [TestCase("""{"stage":"polish","requests":[REQUESTS]}""")]
    [TestCase("""{"requests":[REQUESTS],"stage":"polish"}""")]
    public async Task The_stage_of_a_batch_routes_wherever_it_stands_in_the_body(string body)
    {
        var id = await SubmitAsync(body.Replace(
            "REQUESTS",
            """
            {"custom_id":"stage","params":{"model":"claude-haiku-4-5","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}},
            {"custom_id":"unknown-model","params":{"model":"gpt-9","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}},
            {"custom_id":"hint","metadata":{"model_hint":"mistral-7b"},"params":{"max_tokens":10,"messages":[{"role":"user","content":"hi"}]}},
            {"custom_id":"own-stage","params":{"max_tokens":10,"metadata":{"stage":"subject"},"messages":[{"role":"user","content":"hi"}]}}
            """,
            StringComparison.Ordinal));

        await EndAsync(id);
        var models = (await ResultsAsync(id)).Select(line => line.GetProperty("result").GetProperty("message").GetProperty("model").GetString());

        Assert.That(models, Is.EqualTo(new[] { "llama-70b", "llama-70b", "mistral-7b", "mistral-7b" }));
    }

    [Test]
    public async Task Results_are_a_JSONL_attachment()
    {
        var id = await SubmitAsync("""{"requests":[{"custom_id":"a","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi\nthere"}]}}]}""");
        var batch = await EndAsync(id);

        var response = await _server.SendAsync(HttpMethod.Get, new Uri(batch.GetProperty("results_url").GetString()!).PathAndQuery);
        var text = await response.Content.ReadAsStringAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(batch.GetProperty("results_url").GetString(), Is.EqualTo($"{_server.Http.BaseAddress}v1/messages/batches/{id}/results"));
            Assert.That(response.Content.Headers.ContentType?.ToString(), Is.EqualTo("application/x-jsonl"));
            Assert.That(response.Content.Headers.ContentDisposition?.FileNameStar, Is.EqualTo($"{id}_results.jsonl"));
            Assert.That(text.Count(character => character == '\n'), Is.EqualTo(1));
            Assert.That(text, Does.EndWith("}\n"));
        }
    }

    [Test]
    public async Task Events_follow_a_batch_to_its_end()
    {
        var id = await SubmitAsync("""{"requests":[{"custom_id":"a","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}}]}""");

        var events = await (await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}/events")).Content.ReadAsStringAsync();

        Assert.That(events.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[^1], Does.StartWith("id: 2\nevent: ended\ndata: {").And.Contain("\"succeeded\":1"));
    }

    private static async Task AssertErrorAsync(HttpResponseMessage response, HttpStatusCode status, string type, string message)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(status), text);
        var error = JsonDocument.Parse(text).RootElement.GetProperty("error");
        Assert.That(error.GetProperty("type").GetString(), Is.EqualTo(type));
        Assert.That(error.GetProperty("message").GetString(), Does.Contain(message));
    }

    private async Task<string> SubmitAsync(string body)
    {
        var response = await _server.PostAsync(body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), text);
        return JsonDocument.Parse(text).RootElement.GetProperty("id").GetString()!;
    }

    private async Task<JsonElement> GetAsync(string id)
    {
        var response = await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}");
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
    }

    private Task<JsonElement> EndAsync(string id)
        => Eventually.ReadAsync(() => GetAsync(id), batch => batch.GetProperty("processing_status").GetString() == "ended", $"{id} has ended");

    private async Task<IReadOnlyList<JsonElement>> ResultsAsync(string id)
    {
        var response = await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{id}/results");
        return [.. (await response.Content.ReadAsStringAsync()).TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement)];
    }
}
