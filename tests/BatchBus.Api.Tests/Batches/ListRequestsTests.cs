using System.Net;
using System.Text.Json;
using BatchBus.TestServers;

namespace BatchBus.Api.Tests.Batches;

[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class ListRequestsTests(Mode mode)
{
    private const string Good = """{"max_tokens":10,"messages":[{"role":"user","content":"hi"}]}""";

    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(mode, ("BatchBus:Models:mistral-7b:Prefetch", "2"));

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Each_request_is_told_with_its_model_the_rule_that_chose_it_and_its_error()
    {
        var id = await EndedAsync();

        var list = await _server.GetAsync($"/v1/messages/batches/{id}/requests");

        Assert.That(list.GetProperty("data").EnumerateArray().OrderBy(request => request.GetProperty("index").GetInt32()).Select(request => request.ToString()), Is.EqualTo(new[]
        {
            """{"custom_id":"hint","index":0,"state":"succeeded","model":"llama-70b","routed_by":"model_hint","error":null}""",
            """{"custom_id":"stage","index":1,"state":"succeeded","model":"mistral-7b","routed_by":"request_stage","error":null}""",
            """{"custom_id":"alias","index":2,"state":"succeeded","model":"llama-70b","routed_by":"alias","error":null}""",
            """{"custom_id":"default","index":3,"state":"succeeded","model":"mistral-7b","routed_by":"default","error":null}""",
            """{"custom_id":"nowhere","index":4,"state":"errored","model":null,"routed_by":"model_hint","error":{"type":"not_found_error","message":"metadata.model_hint: unknown model \u0022gpt-9\u0022; known models: mistral-7b, llama-70b"}}""",
            """{"custom_id":"bad","index":5,"state":"errored","model":"mistral-7b","routed_by":"default","error":{"type":"invalid_request_error","message":"messages: Field required"}}""",
        }));
        Assert.That(list.ToString(), Does.Contain("\"has_more\":false,\"next\":null"));
    }

    [Test]
    public async Task Pages_follow_one_another_and_hold_the_state_that_was_asked_for([Values("", "succeeded", "errored", "waiting")] string state)
    {
        var id = await EndedAsync();
        var (found, after, pages) = (new List<string?>(), "", 0);
        do
        {
            var page = await _server.GetAsync($"/v1/messages/batches/{id}/requests?limit=1&state={state}&after={after}");
            found.AddRange(page.GetProperty("data").EnumerateArray().Select(request => request.GetProperty("custom_id").GetString()));
            after = page.GetProperty("next").GetString();
            pages++;
        }
        while (after is not null);

        string[] expected = state switch
        {
            "" => ["hint", "stage", "alias", "default", "nowhere", "bad"],
            "succeeded" => ["hint", "stage", "alias", "default"],
            "errored" => ["nowhere", "bad"],
            _ => [],
        };
        Assert.That(found, Is.EquivalentTo(expected));
        Assert.That(pages, Is.EqualTo(Math.Max(1, expected.Length)));
    }

    [Test]
    public async Task While_the_batch_is_executed_requests_wait_or_run_and_those_without_a_result_are_canceled_in_the_end()
    {
        _server.SetLatency("2s");
        var requests = string.Join(',', Enumerable.Range(0, 40).Select(i => $$"""{"custom_id":"r-{{i}}","params":{{Good}}}"""));
        var id = (await _server.CreateAsync($$"""{"stage":"email","requests":[{{requests}}]}""")).GetProperty("id").GetString()!;
        await Eventually.ThatAsync(() => _server.OpenCalls == 2, "two requests are in flight");

        var open = (await _server.GetAsync($"/v1/messages/batches/{id}/requests")).GetProperty("data");
        await _server.SendAsync(HttpMethod.Post, $"/v1/messages/batches/{id}/cancel");
        await _server.EndAsync(id);
        var ended = (await _server.GetAsync($"/v1/messages/batches/{id}/requests")).GetProperty("data");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Strings(open, "state"), Has.Some.EqualTo("running").And.Some.EqualTo("waiting").And.None.EqualTo("succeeded"));
            Assert.That(Strings(open, "routed_by"), Is.All.EqualTo("batch_stage"));
            Assert.That(Strings(ended, "state"), Has.Some.EqualTo("canceled").And.All.AnyOf("canceled", "succeeded"));
            Assert.That(ended.GetArrayLength(), Is.EqualTo(40));
        }
    }

    [TestCase("?state=done", "state: Input should be one of waiting, running, succeeded, errored, canceled, expired")]
    [TestCase("?limit=0", "limit: Input should be an integer from 1 to 200")]
    [TestCase("?limit=201", "limit: Input should be an integer from 1 to 200")]
    [TestCase("?after=first", "after: no place in the list")]
    [TestCase("?after=1.-2", "after: no place in the list")]
    public async Task A_bad_query_is_refused(string query, string message)
    {
        var response = await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{await EndedAsync()}/requests{query}");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain(message));
    }

    [Test]
    public async Task Another_workspace_has_no_such_batch()
    {
        var response = await _server.SendAsync(HttpMethod.Get, $"/v1/messages/batches/{await EndedAsync()}/requests", null, ("x-api-key", _server.OtherKey));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    private static IEnumerable<string?> Strings(JsonElement requests, string name) => requests.EnumerateArray().Select(request => request.GetProperty(name).GetString());

    private string? _ended;

    private async Task<string> EndedAsync()
    {
        if (_ended is null)
        {
            _server.SetLatency("20ms");
            _ended = (await _server.CreateAsync($$$"""
                {"requests":[
                {"custom_id":"hint","metadata":{"model_hint":"llama-70b"},"params":{{{Good}}}},
                {"custom_id":"stage","metadata":{"stage":"email"},"params":{{{Good}}}},
                {"custom_id":"alias","params":{"model":"claude-opus-4-5","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}},
                {"custom_id":"default","params":{{{Good}}}},
                {"custom_id":"nowhere","metadata":{"model_hint":"gpt-9"},"params":{{{Good}}}},
                {"custom_id":"bad","params":{"max_tokens":10}}]}
                """)).GetProperty("id").GetString()!;
            await _server.EndAsync(_ended);
        }

        return _ended;
    }
}
