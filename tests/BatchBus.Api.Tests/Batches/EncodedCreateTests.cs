using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BatchBus.Api.Tests.Batches;

/// <summary>Bodies that are encoded, and bodies that come slowly.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class EncodedCreateTests(Mode mode)
{
    private const string Body = """{"requests":[{"custom_id":"a","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}}]}""";
    private ApiServer _server = null!;

    [SetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(mode, ("BatchBus:MaxUploadTime", "00:00:04"));

    [TearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("gzip")]
    [TestCase("GZIP")]
    [TestCase("deflate")]
    [TestCase("br")]
    [TestCase("identity")]
    public async Task An_encoded_body_is_decoded(string encoding)
    {
        var response = await PostAsync(encoding, Encode(encoding, Encoding.UTF8.GetBytes(Body)));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
    }

    [TestCase("zstd")]
    [TestCase("gzip, gzip")]
    [TestCase("nonsense")]
    public async Task Another_encoding_is_refused_and_the_supported_ones_are_named(string encoding)
    {
        var response = await PostAsync(encoding, Encoding.UTF8.GetBytes(Body));

        await AssertErrorAsync(response, HttpStatusCode.BadRequest, "invalid_request_error", "gzip, deflate and br", "request_body_encoding_unsupported");
    }

    [TestCase("gzip")]
    [TestCase("deflate")]
    [TestCase("br")]
    public async Task A_body_that_is_not_encoded_as_it_says_is_refused(string encoding)
    {
        var response = await PostAsync(encoding, Encoding.UTF8.GetBytes(Body));

        await AssertErrorAsync(response, HttpStatusCode.BadRequest, "invalid_request_error", "cannot be decoded", "request_body_encoding_invalid");
    }

    [TestCase("gzip")]
    [TestCase("deflate")]
    [TestCase("br")]
    public async Task A_bomb_is_refused_while_it_is_decoded(string encoding)
    {
        var request = $$$"""{"custom_id":"row-#","params":{"text":"{{{new string('x', 500_000)}}}"}}""";
        var requests = string.Join(',', Enumerable.Range(0, 128).Select(i => request.Replace("#", $"{i}", StringComparison.Ordinal)));
        var bomb = Encode(encoding, Encoding.UTF8.GetBytes($$$"""{"requests":[{{{requests}}}]}"""));
        Assert.That(bomb, Has.Length.LessThan(ApiServer.MaxBatchBytes), "it looks harmless");

        var response = await PostAsync(encoding, bomb);

        await AssertErrorAsync(response, HttpStatusCode.RequestEntityTooLarge, "request_too_large", "once it is decoded", "request_body_too_large_after_decoding");
    }

    [Test]
    public async Task A_body_that_comes_too_slowly_is_given_up()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(_server.Http.BaseAddress!.Host, _server.Http.BaseAddress.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /v1/messages/batches HTTP/1.1\r\nHost: localhost\r\nx-api-key: {_server.Key}\r\nContent-Length: 100000\r\n\r\n{{\"requests\":["));

        using var reader = new StreamReader(client.GetStream());
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var answer = await reader.ReadToEndAsync(deadline.Token);

        Assert.That(answer, Does.StartWith("HTTP/1.1 408 ").And.Contain("\"timeout_error\"").And.Contain("request_id"));
        await TestServers.Eventually.ThatAsync(async () => (await _server.StoredWithSubmissionsAsync()).Count == 0, "nothing is stored");
    }

    private static byte[] Encode(string encoding, byte[] content)
    {
        var encoded = new MemoryStream();
        using (Stream encoder = encoding.ToLowerInvariant() switch
        {
            "gzip" => new GZipStream(encoded, CompressionLevel.Optimal),
            "deflate" => new ZLibStream(encoded, CompressionLevel.Optimal),
            "br" => new BrotliStream(encoded, CompressionLevel.Fastest),
            _ => encoded,
        })
        {
            encoder.Write(content);
        }

        return encoded.ToArray();
    }

    private Task<HttpResponseMessage> PostAsync(string encoding, byte[] body)
    {
        var content = new ByteArrayContent(body);
        content.Headers.TryAddWithoutValidation("content-encoding", encoding);
        return _server.SendAsync(HttpMethod.Post, "/v1/messages/batches", content);
    }

    private async Task AssertErrorAsync(HttpResponseMessage response, HttpStatusCode status, string type, string message, string code)
    {
        await _server.AssertErrorAsync(response, status, type, message);
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain($"\"details\":{{\"error_code\":\"{code}\"}}"));
    }
}
