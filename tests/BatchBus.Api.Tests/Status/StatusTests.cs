using System.Globalization;
using System.Net;
using System.Text.Json;
using BatchBus.Storage.Endpoints;
using BatchBus.TestServers;

namespace BatchBus.Api.Tests.Status;

[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class StatusTests(Mode mode)
{
    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(mode, ("BatchBus:Models:mistral-7b:Prefetch", "2"));

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task What_waits_and_is_in_flight_is_told_by_model_and_only_to_its_workspace()
    {
        _server.SetLatency("3s");
        var id = await CreateAsync(20);

        var status = await Eventually.ReadAsync(StatusAsync, status => Model(status).GetProperty("in_flight").GetInt32() == 2, "two requests are in flight");

        var other = await ReadAsync(await _server.SendAsync(HttpMethod.Get, "/v1/status", null, ("x-api-key", _server.OtherKey)));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(status.GetProperty("workspace").GetString(), Is.EqualTo("sales"));
            Assert.That(Model(status).GetProperty("waiting").GetInt32(), Is.EqualTo(18));
            Assert.That(status.GetProperty("open_batches").GetInt32(), Is.EqualTo(1));
            Assert.That(status.GetProperty("batches")[0].GetProperty("progress").GetProperty("id").GetString(), Is.EqualTo(id));
            Assert.That(status.GetProperty("batches")[0].GetProperty("progress").GetProperty("total").GetInt32(), Is.EqualTo(20));
            Assert.That(other.GetProperty("workspace").GetString(), Is.EqualTo("other"));
            Assert.That((Model(other).GetProperty("waiting").GetInt32(), Model(other).GetProperty("in_flight").GetInt32(), other.GetProperty("open_batches").GetInt32()), Is.EqualTo((0, 0, 0)));
            Assert.That(other.GetProperty("endpoints")[0].GetProperty("in_flight").GetInt32(), Is.EqualTo(2), "endpoints are everybody's");
        }

        await _server.SendAsync(HttpMethod.Post, $"/v1/messages/batches/{id}/cancel");
        await _server.EndAsync(id);
    }

    [Test]
    public async Task The_stream_tells_of_a_batch_s_beginning_and_end_and_of_its_usage()
    {
        _server.SetLatency("500ms");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/status/events") { Headers = { { "x-api-key", _server.Key } } };
        using var response = await _server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("text/event-stream"));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var before = (await NextAsync(reader, _ => true)).GetProperty("usage").GetProperty("total").GetProperty("requests").GetInt32();

        await CreateAsync(8);

        var running = await NextAsync(reader, status => status.GetProperty("open_batches").GetInt32() == 1 && status.GetProperty("batches")[0].GetProperty("progress").GetProperty("succeeded").GetInt32() > 0);
        var ended = await NextAsync(reader, status => status.GetProperty("open_batches").GetInt32() == 0 && status.GetProperty("usage").GetProperty("total").GetProperty("requests").GetInt32() == before + 8);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(running.GetProperty("batches")[0].GetProperty("progress").GetProperty("models")[0].GetProperty("model").GetString(), Is.EqualTo("mistral-7b"));
            Assert.That(Model(ended).GetProperty("requests_per_second").GetDouble(), Is.Positive);
            Assert.That(ended.GetProperty("problems").GetArrayLength(), Is.Zero);
        }
    }

    [Test]
    public async Task An_endpoint_that_is_out_of_use_is_a_problem_with_words_on_what_to_do()
    {
        var endpoints = _server.Part<EndpointStore>();
        await endpoints.OpenAsync("llama-70b", isStopped: true, "Unauthorized: HTTP 401; check ApiKey");
        try
        {
            var status = await Eventually.ReadAsync(StatusAsync, status => status.GetProperty("problems").GetArrayLength() > 0, "the problem is told");

            var (problem, endpoint) = (status.GetProperty("problems")[0], status.GetProperty("endpoints").EnumerateArray().Single(endpoint => endpoint.GetProperty("endpoint").GetString() == "llama-70b"));
            using (Assert.EnterMultipleScope())
            {
                Assert.That(problem.GetProperty("part").GetString(), Is.EqualTo("llama-70b"));
                Assert.That(problem.GetProperty("severity").GetString(), Is.EqualTo("problem"));
                Assert.That(problem.GetProperty("description").GetString(), Does.Contain("stopped").And.Contain("HTTP 401").And.Contain("none is lost"));
                Assert.That(problem.GetProperty("remedy").GetString(), Does.Contain("BatchBus__Models__llama-70b__ApiKey"));
                Assert.That(endpoint.GetProperty("state").GetString(), Is.EqualTo("stopped"));
            }
        }
        finally
        {
            await endpoints.CloseAsync("llama-70b");
        }

        await Eventually.ThatAsync(async () => (await StatusAsync()).GetProperty("problems").GetArrayLength() == 0, "the problem is over");
    }

    [TestCase("/v1/status")]
    [TestCase("/v1/status/events")]
    public async Task It_is_told_to_callers_only(string path)
        => Assert.That((await _server.SendAsync(HttpMethod.Get, path, null, ("x-api-key", "wrong"))).StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));

    private static JsonElement Model(JsonElement status) => status.GetProperty("models").EnumerateArray().Single(model => model.GetProperty("model").GetString() == "mistral-7b");

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage response) => JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;

    private static async Task<JsonElement> NextAsync(StreamReader reader, Func<JsonElement, bool> accept)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await reader.ReadLineAsync(deadline.Token) is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal) && JsonDocument.Parse(line[6..]).RootElement is var status && accept(status))
            {
                return status;
            }
        }

        throw new EndOfStreamException("The stream has ended.");
    }

    private Task<JsonElement> StatusAsync() => _server.GetAsync("/v1/status");

    private async Task<string> CreateAsync(int count)
    {
        var requests = string.Join(',', Enumerable.Range(0, count).Select(i => string.Create(
            CultureInfo.InvariantCulture, $$$"""{"custom_id":"r-{{{i}}}","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}}""")));
        return (await _server.CreateAsync($$"""{"requests":[{{requests}}]}""")).GetProperty("id").GetString()!;
    }
}
