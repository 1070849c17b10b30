using System.Net;
using System.Text.Json;

namespace BatchBus.Api.Tests.Models;

[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class ModelsTests(Mode mode)
{
    private static readonly string[] Names = ["mistral-7b", "llama-70b", "extra-1", "extra-2"];
    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(
        mode, ("BatchBus:Models:extra-1:DisplayName", "Extra 1"), ("BatchBus:Models:extra-2:DisplayName", "Extra 2"), ("BatchBus:Models:extra-2:MaxContextTokens", "4096"));

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("", "mistral-7b llama-70b extra-1 extra-2", false)]
    [TestCase("?limit=2", "mistral-7b llama-70b", true)]
    [TestCase("?limit=2&after_id=llama-70b", "extra-1 extra-2", false)]
    [TestCase("?limit=1&after_id=llama-70b", "extra-1", true)]
    [TestCase("?limit=1000&after_id=extra-2", "", false)]
    [TestCase("?limit=2&before_id=extra-2", "llama-70b extra-1", true)]
    [TestCase("?limit=3&before_id=extra-2", "mistral-7b llama-70b extra-1", false)]
    [TestCase("?before_id=mistral-7b", "", false)]
    [TestCase("?after_id=mistral-7b&before_id=extra-2", "llama-70b extra-1", false)]
    [TestCase("?limit=1&after_id=mistral-7b&before_id=extra-2", "llama-70b", true)]
    [TestCase("?beta=true&lifecycle%5B%5D=active", "mistral-7b llama-70b extra-1 extra-2", false)]
    public async Task A_page_holds_what_its_cursors_and_its_limit_say(string query, string names, bool hasMore)
    {
        var page = await _server.GetAsync($"/v1/models{query}");

        var expected = names.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(page.EnumerateObject().Select(field => field.Name), Is.EqualTo(new[] { "data", "has_more", "first_id", "last_id" }));
            Assert.That(page.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()), Is.EqualTo(expected));
            Assert.That(page.GetProperty("has_more").GetBoolean(), Is.EqualTo(hasMore));
            Assert.That(page.GetProperty("first_id").GetString(), Is.EqualTo(expected.FirstOrDefault()));
            Assert.That(page.GetProperty("last_id").GetString(), Is.EqualTo(expected.LastOrDefault()));
        }
    }

    [Test]
    public async Task Pages_in_either_direction_are_the_whole()
    {
        foreach (var (cursor, next) in new[] { ("after_id", "last_id"), ("before_id", "first_id") })
        {
            var found = new List<string>();
            var page = await _server.GetAsync($"/v1/models?limit=1{(cursor == "before_id" ? "&before_id=extra-2" : "")}");
            while (found.Count < Names.Length)
            {
                found.AddRange(page.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()!));
                if (!page.GetProperty("has_more").GetBoolean())
                {
                    break;
                }

                page = await _server.GetAsync($"/v1/models?limit=1&{cursor}={page.GetProperty(next).GetString()}");
            }

            Assert.That(found, Is.EqualTo(cursor == "after_id" ? Names : Names[..^1].Reverse()), cursor);
        }
    }

    [TestCase("?limit=0", "limit: Input should be an integer from 1 to 1000")]
    [TestCase("?limit=1001", "limit: Input should be an integer from 1 to 1000")]
    [TestCase("?limit=ten", "limit: Input should be an integer from 1 to 1000")]
    [TestCase("?after_id=gpt-9", "after_id: ")]
    [TestCase("?before_id=gpt-9", "before_id: ")]
    public async Task A_bad_query_is_refused(string query, string message)
        => await _server.AssertErrorAsync(await _server.SendAsync(HttpMethod.Get, $"/v1/models{query}"), HttpStatusCode.BadRequest, "invalid_request_error", message);

    [Test]
    public async Task A_model_has_every_field()
    {
        var model = await _server.GetAsync("/v1/models/extra-2");

        Assert.That(model.ToString(), Is.EqualTo(
            """{"type":"model","id":"extra-2","display_name":"Extra 2","created_at":"1970-01-01T00:00:00Z","max_input_tokens":4096,"max_tokens":4096,"capabilities":null,"lifecycle":"active","line":null,"deprecated_at":null,"retires_at":null}"""));
    }

    [TestCase("Mistral-7B", "mistral-7b")]
    [TestCase("claude-haiku-4-5-20251001", "mistral-7b")]
    [TestCase("claude-opus-4-1", "llama-70b")]
    public async Task Other_spellings_and_aliases_lead_to_the_model_that_executes(string id, string name)
        => Assert.That((await _server.GetAsync($"/v1/models/{id}")).GetProperty("id").GetString(), Is.EqualTo(name));

    [Test]
    public async Task An_unknown_model_is_not_found_and_the_known_ones_are_named()
        => await _server.AssertErrorAsync(await _server.SendAsync(HttpMethod.Get, "/v1/models/gpt-9"), HttpStatusCode.NotFound, "not_found_error", "mistral-7b");

    [Test]
    public async Task Models_are_shown_to_callers_only()
        => await _server.AssertErrorAsync(
            await _server.SendAsync(HttpMethod.Get, "/v1/models", null, ("x-api-key", "wrong")), HttpStatusCode.Unauthorized, "authentication_error", "Invalid API key");
}
