using System.Net;
using BatchBus.Api.Keys;

namespace BatchBus.Api.Tests.Keys;

[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class AuthenticationTests(Mode mode)
{
    private const string Body = """{"requests":[{"custom_id":"a","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}}]}""";
    private ApiServer _server = null!;

    [SetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(mode);

    [TearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_missing_key_is_refused_with_how_to_send_one()
    {
        var response = await _server.SendAsync(HttpMethod.Post, "/v1/messages/batches", new StringContent(Body), ("accept", "*/*"));

        await _server.AssertErrorAsync(response, HttpStatusCode.Unauthorized, "authentication_error", "Authorization: Bearer");
    }

    [TestCase("x-api-key", "")]
    [TestCase("authorization", "Bearer ")]
    public async Task A_wrong_key_is_refused_on_every_path(string header, string prefix)
    {
        foreach (var path in new[] { "/v1/messages/batches/msgbatch_01", "/v1/messages/batches/msgbatch_01/results", "/v1/messages/batches/msgbatch_01/events" })
        {
            var response = await _server.SendAsync(HttpMethod.Get, path, null, (header, prefix + ApiKey.New()));
            await _server.AssertErrorAsync(response, HttpStatusCode.Unauthorized, "authentication_error", "Invalid API key");
        }
    }

    [TestCase("x-api-key", "")]
    [TestCase("authorization", "Bearer ")]
    [TestCase("authorization", "bearer ")]
    public async Task A_right_key_is_let_in(string header, string prefix)
    {
        var response = await _server.SendAsync(HttpMethod.Post, "/v1/messages/batches", new StringContent(Body), (header, prefix + _server.Key));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [TestCase("KEY", "Bearer wrong")]
    [TestCase("wrong", "Bearer KEY")]
    public async Task Of_two_keys_either_may_be_the_right_one(string key, string authorization)
    {
        var response = await _server.SendAsync(
            HttpMethod.Post,
            "/v1/messages/batches",
            new StringContent(Body),
            ("x-api-key", key.Replace("KEY", _server.Key, StringComparison.Ordinal)),
            ("authorization", authorization.Replace("KEY", _server.Key, StringComparison.Ordinal)));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_batch_of_another_workspace_is_not_found()
    {
        var created = await _server.PostAsync(Body);
        var id = System.Text.Json.JsonDocument.Parse(await created.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString();

        foreach (var ended in new[] { false, true })
        {
            foreach (var (method, path) in new[] { (HttpMethod.Get, ""), (HttpMethod.Get, "/results"), (HttpMethod.Head, "/results"), (HttpMethod.Get, "/events"), (HttpMethod.Post, "/cancel"), (HttpMethod.Delete, "") })
            {
                var other = await _server.SendAsync(method, $"/v1/messages/batches/{id}{path}", null, ("x-api-key", _server.OtherKey));
                Assert.That(other.StatusCode, Is.EqualTo(HttpStatusCode.NotFound), $"{method} {path}, ended: {ended}");
            }

            var batch = await _server.EndAsync(id!);
            Assert.That(batch.GetProperty("cancel_initiated_at").ValueKind, Is.EqualTo(System.Text.Json.JsonValueKind.Null), "it was not canceled");
        }
    }

    [Test]
    public void A_key_is_recognised_by_its_checksum()
    {
        var key = ApiKey.New();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ApiKey.IsWellFormed(key), Is.True);
            Assert.That(ApiKey.IsWellFormed(key[..10] + (key[10] == 'a' ? 'b' : 'a') + key[11..]), Is.False);
            Assert.That(ApiKey.Hash(key), Is.Not.EqualTo(ApiKey.Hash(ApiKey.New())));
        }
    }
}
