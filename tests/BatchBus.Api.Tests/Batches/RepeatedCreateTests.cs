using System.Net;
using System.Net.Sockets;
using System.Text;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Submissions;
using BatchBus.TestServers;

namespace BatchBus.Api.Tests.Batches;

/// <summary>However often a create is repeated, it makes one batch.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class RepeatedCreateTests(Mode mode)
{
    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(mode);

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task The_same_key_and_body_give_the_same_batch_in_its_present_state()
    {
        var (body, key) = (Body(), Key());

        var first = await _server.CreateAsync(body, key);
        await _server.EndAsync(Id(first));
        var second = await _server.CreateAsync(body, key);

        Assert.That(Id(second), Is.EqualTo(Id(first)));
        Assert.That(second.GetProperty("processing_status").GetString(), Is.EqualTo("ended"));
    }

    [Test]
    public async Task The_same_key_and_another_body_are_refused_for_good()
    {
        var key = Key();
        await _server.CreateAsync(Body(), key);

        var response = await _server.PostAsync(Body(), key);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("invalid_request_error").And.Contain("Idempotency-Key: has been used for a create with another body"));
    }

    [Test]
    public async Task The_same_key_of_another_workspace_is_another_key()
    {
        var (body, key) = (Body(), Key());
        var first = await _server.CreateAsync(body, key);

        var response = await _server.SendAsync(HttpMethod.Post, "/v1/messages/batches", new StringContent(body), ("x-api-key", _server.OtherKey), key);

        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("msgbatch_").And.Not.Contain(Id(first)));
    }

    [Test]
    public async Task A_refused_create_gives_its_key_back()
    {
        var key = Key();
        Assert.That((await _server.PostAsync("""{"requests":[]}""", key)).StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));

        var batch = await _server.CreateAsync(Body(), key);

        Assert.That(Id(batch), Does.StartWith("msgbatch_"));
    }

    [TestCase("")]
    [TestCase("a b")]
    [TestCase("a\tb")]
    public async Task A_malformed_key_is_refused(string key) => await AssertBadKeyAsync(key);

    [Test]
    public async Task A_key_of_256_characters_is_refused() => await AssertBadKeyAsync(new string('k', 256));

    [Test]
    public async Task A_key_of_255_characters_is_taken() => Assert.That(Id(await _server.CreateAsync(Body(), ("Idempotency-Key", new string('~', 255)))), Is.Not.Empty);

    [Test]
    public async Task Fifty_identical_creates_at_once_make_one_batch()
    {
        var (body, key) = (Body(), Key());

        var batches = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _server.CreateAsync(body, key)));

        Assert.That(batches.Select(Id).Distinct().Count(), Is.EqualTo(1));
    }

    [Test]
    public async Task A_twin_waits_for_an_upload_that_is_still_arriving()
    {
        var (body, key) = (Body(), Key());
        using var slow = await RawCreate.BeginAsync(_server, body, key);
        await Eventually.ThatAsync(async () => await _server.Redis.KeyExistsAsync(SubmissionKey(key)), "the first has taken the key");

        var twin = _server.CreateAsync(body, key);
        var first = await slow.EndAsync();

        Assert.That(first, Does.Contain(Id(await twin)));
    }

    [Test]
    public async Task An_upload_that_is_still_arriving_keeps_its_key()
    {
        var (body, key) = (Body(), Key());
        using var slow = await RawCreate.BeginAsync(_server, body, key);
        var held = await Eventually.ReadAsync(async () => (long)await _server.Redis.HashGetAsync(SubmissionKey(key), "held"), until => until > 0, "the key is held");

        await Eventually.ThatAsync(async () => (long)await _server.Redis.HashGetAsync(SubmissionKey(key), "held") > held, "it is held longer");
    }

    [Test]
    public async Task A_twin_takes_over_from_an_upload_that_breaks_off()
    {
        var (body, key) = (Body(), Key());
        using (await RawCreate.BeginAsync(_server, body, key))
        {
            await Eventually.ThatAsync(async () => await _server.Redis.KeyExistsAsync(SubmissionKey(key)), "the first has taken the key");
        }

        var batch = await _server.CreateAsync(body, key);

        Assert.That(Id(batch), Does.StartWith("msgbatch_"));
    }

    [Test]
    public async Task An_earlier_attempt_that_died_gives_way_and_can_commit_no_more()
    {
        var (body, key) = (Body(), Key());
        var (batches, submissions) = (_server.Part<BatchStore>(), _server.Part<SubmissionStore>());
        var dead = await batches.BeginUploadAsync();
        await submissions.ClaimAsync("sales", SubmissionName(key), dead.BatchId, lease: TimeSpan.FromMilliseconds(300));

        var batch = await _server.CreateAsync(body, key);

        Assert.That(Id(batch), Is.Not.EqualTo(BatchId.Format(dead.BatchId)));
        Assert.That(await batches.CommitAsync(dead, "sales", null, null, TimeSpan.FromHours(1)), Is.Null);
    }

    [Test]
    public async Task A_create_that_the_client_repeats_after_a_lost_answer_is_recognised()
    {
        var body = Body();
        var first = await _server.CreateAsync(body, ("x-stainless-retry-count", "0"), ("x-stainless-timeout", "600"));

        var second = await _server.CreateAsync(body, ("x-stainless-retry-count", "1"), ("x-stainless-timeout", "600"));
        var third = await _server.CreateAsync(body, ("x-stainless-retry-count", "2"), ("x-stainless-timeout", "600"));

        Assert.That(new[] { Id(second), Id(third) }, Is.All.EqualTo(Id(first)));
    }

    [Test]
    public async Task A_repeat_whose_first_attempt_never_arrived_makes_the_batch()
    {
        var body = Body();

        var second = await _server.CreateAsync(body, ("x-stainless-retry-count", "1"));
        var third = await _server.CreateAsync(body, ("x-stainless-retry-count", "2"));

        Assert.That(Id(third), Is.EqualTo(Id(second)));
    }

    [Test]
    public async Task Repeats_at_once_make_one_batch()
    {
        var body = Body();

        var batches = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _server.CreateAsync(body, ("x-stainless-retry-count", "1"))));

        Assert.That(batches.Select(Id).Distinct().Count(), Is.EqualTo(1));
    }

    [Test]
    public async Task A_repeat_outside_the_clients_time_out_makes_a_batch_of_its_own()
    {
        var body = Body();
        var first = await _server.CreateAsync(body);
        await foreach (var key in _server.Redis.Multiplexer.GetServers()[0].KeysAsync(pattern: "batchbus:submission:sales:body:*"))
        {
            await _server.Redis.HashDecrementAsync(key, "since", 661_000);
        }

        var second = await _server.CreateAsync(body, ("x-stainless-retry-count", "1"), ("x-stainless-timeout", "600"));

        Assert.That(Id(second), Is.Not.EqualTo(Id(first)));
    }

    [Test]
    public async Task A_repeat_of_another_workspace_is_none()
    {
        var body = Body();
        var first = await _server.CreateAsync(body);

        var response = await _server.SendAsync(
            HttpMethod.Post, "/v1/messages/batches", new StringContent(body), ("x-api-key", _server.OtherKey), ("x-stainless-retry-count", "1"));

        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("msgbatch_").And.Not.Contain(Id(first)));
    }

    [Test]
    public async Task Two_identical_creates_without_a_key_are_two_batches()
    {
        var body = Body();

        var first = await _server.CreateAsync(body, ("x-stainless-retry-count", "0"));
        var second = await _server.CreateAsync(body, ("x-stainless-retry-count", "0"));

        Assert.That(Id(second), Is.Not.EqualTo(Id(first)));
    }

    [Test]
    public async Task Repeats_leave_nothing_of_themselves_behind()
    {
        await using var server = await ApiServer.StartAsync(mode);
        var (body, key) = (Body(), Key());
        var id = Id(await server.CreateAsync(body, key));
        await server.CreateAsync(body, key);
        await server.CreateAsync(body, ("x-stainless-retry-count", "1"));
        var last = Id(await server.CreateAsync(body, ("x-stainless-retry-count", "2")));

        var stored = await server.StoredWithSubmissionsAsync();

        Assert.That(stored.Where(found => !found.Contains(id, StringComparison.Ordinal) && !found.Contains(last, StringComparison.Ordinal)), Has.Exactly(2).Contains("submission"));
    }

    private static string Id(System.Text.Json.JsonElement batch) => batch.GetProperty("id").GetString()!;

    private static (string Name, string Value) Key() => ("Idempotency-Key", Guid.NewGuid().ToString());

    private static string SubmissionName((string Name, string Value) key)
        => $"key:{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.ASCII.GetBytes(key.Value)))}";

    private static string SubmissionKey((string Name, string Value) key) => $"batchbus:submission:sales:{SubmissionName(key)}";

    /// <summary>A body that no other test sends.</summary>
    private static string Body()
        => $$$"""{"requests":[{"custom_id":"{{{Guid.NewGuid():N}}}","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}}]}""";

    private async Task AssertBadKeyAsync(string key)
    {
        var response = await _server.PostAsync(Body(), ("Idempotency-Key", key));
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("Idempotency-Key: Input should be one value of 1 to 255 visible ASCII characters"));
    }

    /// <summary>A create whose last byte is held back.</summary>
    private sealed class RawCreate(TcpClient client, byte last) : IDisposable
    {
        public static async Task<RawCreate> BeginAsync(ApiServer server, string body, (string Name, string Value) key)
        {
            var client = new TcpClient();
            await client.ConnectAsync(server.Http.BaseAddress!.Host, server.Http.BaseAddress.Port);
            var head = $"POST /v1/messages/batches HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nx-api-key: {server.Key}\r\n{key.Name}: {key.Value}\r\nContent-Length: {body.Length}\r\n\r\n";
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head + body[..^1]));
            return new RawCreate(client, (byte)body[^1]);
        }

        public async Task<string> EndAsync()
        {
            await client.GetStream().WriteAsync(new[] { last });
            using var reader = new StreamReader(client.GetStream());
            return await reader.ReadToEndAsync();
        }

        public void Dispose() => client.Dispose();
    }
}
