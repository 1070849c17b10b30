using System.Net;
using System.Text;

namespace BatchBus.Api.Tests.Batches;

/// <summary>What a create is refused for: the documented type, the field, the remedy, and nothing stored.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class RefusedCreateTests(Mode mode)
{
    private const string Params = """{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}""";
    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(mode);

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("", "not valid JSON")]
    [TestCase("hello", "not valid JSON")]
    [TestCase("[]", "should be a JSON object")]
    [TestCase("null", "should be a JSON object")]
    [TestCase("{}", "requests: Field required")]
    [TestCase("""{"requests":[]}""", "requests: List should have at least 1 item")]
    [TestCase("""{"requests":{}}""", "requests: Input should be a valid list")]
    [TestCase("""{"requests":null}""", "requests: Input should be a valid list")]
    [TestCase("""{"requests":[1]}""", "requests.0: Input should be an object")]
    [TestCase("""{"requests":[{"params":{}}]}""", "requests.0.custom_id: Field required")]
    [TestCase("""{"requests":[{"custom_id":"a"}]}""", "requests.0.params: Field required")]
    [TestCase("""{"requests":[{"custom_id":"a","params":[]}]}""", "requests.0.params: Input should be an object")]
    [TestCase("""{"requests":[{"custom_id":7,"params":{}}]}""", "requests.0.custom_id: Input should be a valid string")]
    [TestCase("""{"requests":[{"custom_id":"","params":{}}]}""", "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'")]
    [TestCase("""{"requests":[{"custom_id":"a b","params":{}}]}""", "requests.0.custom_id: String should match pattern")]
    [TestCase("""{"requests":[{"custom_id":"ä","params":{}}]}""", "requests.0.custom_id: String should match pattern")]
    [TestCase("""{"requests":[{"custom_id":"a","custom_id":"b","params":{}}]}""", "requests.0.custom_id: given twice")]
    [TestCase("""{"requests":[{"custom_id":"a","params":{}}],"requests":[]}""", "requests: given twice")]
    [TestCase("""{"stage":"nowhere","requests":[{"custom_id":"a","params":{}}]}""", "Known stages: email, polish, sales_intel, subject")]
    [TestCase("""{"requests":[{"custom_id":"a","params":{}}],"stage":"nowhere"}""", "stage: unknown stage \"nowhere\"")]
    [TestCase("""{"stage":4,"requests":[{"custom_id":"a","params":{}}]}""", "stage: Input should be a valid string")]
    [TestCase("""{"requests":[{"custom_id":"a","params":{}}],"expires_in_seconds":0}""", "expires_in_seconds: Input should be from 1 to 604800")]
    [TestCase("""{"requests":[{"custom_id":"a","params":{}}],"expires_in_seconds":"1h"}""", "expires_in_seconds: Input should be a valid integer")]
    [TestCase("""{"requests":[{"custom_id":"a","params":{}}]""", "not valid JSON")]
    [TestCase("""{"requests":[{"custom_id":"a","params":{}},]}""", "not valid JSON")]
    [TestCase("""{"requests":[{"custom_id":"a","params":{}}]} x""", "something follows the object")]
    public async Task A_bad_envelope_is_refused(string body, string message)
        => await _server.AssertErrorAsync(await _server.PostAsync(body), HttpStatusCode.BadRequest, "invalid_request_error", message);

    [Test]
    public async Task A_repeated_custom_id_is_refused_with_both_places()
    {
        var requests = string.Join(',', Enumerable.Range(0, 90).Select(i => $$$"""{"custom_id":"row-{{{i % 80}}}","params":{{{Params}}}}"""));

        var response = await _server.PostAsync($$$"""{"requests":[{{{requests}}}]}""");

        await _server.AssertErrorAsync(
            response, HttpStatusCode.BadRequest, "invalid_request_error", "custom_id must be unique; \"row-0\" is used at indexes 0 and 80");
    }

    [Test]
    public async Task A_custom_id_of_65_characters_is_refused()
        => await _server.AssertErrorAsync(
            await _server.PostAsync($$$"""{"requests":[{"custom_id":"{{{new string('a', 65)}}}","params":{}}]}"""),
            HttpStatusCode.BadRequest,
            "invalid_request_error",
            "requests.0.custom_id: String should have at most 64 characters");

    [Test]
    public async Task Too_many_requests_are_refused()
    {
        var requests = string.Join(',', Enumerable.Range(0, 1001).Select(i => $$$"""{"custom_id":"row-{{{i}}}","params":{}}"""));

        var response = await _server.PostAsync($$$"""{"requests":[{{{requests}}}]}""");

        await _server.AssertErrorAsync(response, HttpStatusCode.BadRequest, "invalid_request_error", "requests: List should have at most 1000 items");
    }

    [Test]
    public async Task Invalid_UTF8_is_refused()
    {
        byte[] body = [.. Encoding.UTF8.GetBytes("""{"requests":[{"custom_id":"a","params":{"x":" """), 0xC3, 0x28, .. Encoding.UTF8.GetBytes("\"}}]}")];

        await _server.AssertErrorAsync(await _server.PostAsync(body), HttpStatusCode.BadRequest, "invalid_request_error", "UTF-8");
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_body_over_the_limit_is_refused(bool announced)
    {
        var request = $$$"""{"custom_id":"row-#","params":{"text":"{{{new string('x', 100_000)}}}"}}""";
        var body = Encoding.UTF8.GetBytes($$$"""{"requests":[{{{string.Join(',', Enumerable.Range(0, 50).Select(i => request.Replace("#", $"{i}", StringComparison.Ordinal)))}}}]}""");
        HttpContent content = announced ? new ByteArrayContent(body) : new StreamContent(new UnseekableStream(body));

        var response = await _server.SendAsync(HttpMethod.Post, "/v1/messages/batches", content);

        await _server.AssertErrorAsync(response, HttpStatusCode.RequestEntityTooLarge, "request_too_large", "Split it into several");
    }

    [Test]
    public async Task A_single_request_over_the_limit_is_refused_by_its_place()
    {
        var body = $$$"""{"requests":[{"custom_id":"a","params":{}},{"custom_id":"b","params":{"text":"{{{new string('x', 2 << 20)}}}"}}]}""";

        await _server.AssertErrorAsync(await _server.PostAsync(body), HttpStatusCode.RequestEntityTooLarge, "request_too_large", "requests.1: larger than");
    }

    [Test]
    public async Task Deep_nesting_is_refused()
        => await _server.AssertErrorAsync(
            await _server.PostAsync($$$"""{"requests":[{"custom_id":"a","params":{"x":{{{new string('[', 1000)}}}{{{new string(']', 1000)}}}}}]}"""),
            HttpStatusCode.BadRequest,
            "invalid_request_error",
            "not valid JSON");

    [Test]
    public async Task A_create_that_breaks_off_leaves_nothing()
    {
        using var breaking = new CancellationTokenSource();
        var body = new BreakingStream(Encoding.UTF8.GetBytes($$$"""{"requests":[{{{string.Join(',', Enumerable.Range(0, 200).Select(i => $$$"""{"custom_id":"row-{{{i}}}","params":{{{Params}}}}"""))}}},"""));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages/batches") { Content = new StreamContent(body), Headers = { { "x-api-key", _server.Key } } };
        var sending = _server.Http.SendAsync(request, breaking.Token);
        await TestServers.Eventually.ThatAsync(async () => (await _server.StoredAsync()).Any(key => key.Contains(":requests:", StringComparison.Ordinal)), "requests are being stored");

        await breaking.CancelAsync();

        Assert.That(async () => await sending, Throws.InstanceOf<OperationCanceledException>());
        await TestServers.Eventually.ThatAsync(async () => (await _server.StoredAsync()).Count == 0, "everything is removed again");
    }

    /// <summary>A body whose length is not known beforehand.</summary>
    private sealed class UnseekableStream(byte[] content) : MemoryStream(content)
    {
        public override bool CanSeek => false;
    }

    /// <summary>A body that never comes to its end.</summary>
    private sealed class BreakingStream(byte[] content) : MemoryStream(content)
    {
        public override bool CanSeek => false;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await base.ReadAsync(buffer, cancellationToken);
            if (read == 0)
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }

            return read;
        }
    }
}
