using System.Net;

namespace BatchBus.Api.Tests.Keys;

[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class HeaderTests(Mode mode)
{
    private const string Body = """{"requests":[{"custom_id":"a","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}}]}""";

    [TestCase("2023-06-01")]
    [TestCase("2026-10-21")]
    public async Task Any_dated_version_is_accepted(string version)
    {
        await using var server = await ApiServer.StartAsync(mode, ("BatchBus:RequireAnthropicVersion", "true"));

        Assert.That((await server.PostAsync(Body, ("anthropic-version", version))).StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_malformed_version_is_refused([Values("latest", "2023-6-1", "2023-06-01x", "", "2023-06-01, 2023-06-01")] string version)
    {
        await using var server = await ApiServer.StartAsync(mode);

        await server.AssertErrorAsync(
            await server.PostAsync(Body, ("anthropic-version", version)), HttpStatusCode.BadRequest, "invalid_request_error", "anthropic-version: Input should be a date");
    }

    [Test]
    public async Task A_missing_version_is_refused_where_it_is_required()
    {
        await using var server = await ApiServer.StartAsync(mode, ("BatchBus:RequireAnthropicVersion", "true"));

        await server.AssertErrorAsync(await server.PostAsync(Body), HttpStatusCode.BadRequest, "invalid_request_error", "anthropic-version: header is required");
    }

    [Test]
    public async Task A_client_of_the_older_generation_is_served()
    {
        await using var server = await ApiServer.StartAsync(mode);

        var response = await server.SendAsync(
            HttpMethod.Post,
            "/v1/messages/batches?beta=true&unknown=1",
            new StringContent(Body),
            ("x-api-key", server.Key),
            ("anthropic-version", "2023-06-01"),
            ("anthropic-beta", "message-batches-2024-09-24,message-batches-2024-09-24"),
            ("accept", "application/binary"),
            ("anthropic-dangerous-direct-browser-access", "true"),
            ("traceparent", "nonsense"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/json"));
            Assert.That(response.Headers.GetValues("request-id").Single(), Does.StartWith("req_"));
            Assert.That(response.Headers.GetValues("anthropic-workspace-id").Single(), Is.EqualTo("sales"));
        }
    }

    [Test]
    public async Task Nothing_is_told_of_a_workspace_without_a_key()
    {
        await using var server = await ApiServer.StartAsync(mode);

        var response = await server.SendAsync(HttpMethod.Get, "/v1/messages/batches/x", null, ("x-api-key", "wrong"));

        Assert.That(response.Headers.Contains("anthropic-workspace-id"), Is.False);
    }

    [Test]
    public async Task A_workspace_may_have_any_name()
    {
        await using var server = await ApiServer.StartAsync(mode, ("BatchBus:ApiKeys:0:Workspace", "vertrieb süd"));

        var response = await server.PostAsync(Body);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(response.Headers.GetValues("anthropic-workspace-id").Single(), Is.EqualTo("vertrieb%20s%C3%BCd"));
    }
}
