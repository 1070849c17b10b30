using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BatchBus.Api.Tests.Batches;

/// <summary>The documented limits are what a server takes when nothing is configured.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class FullSizeTests(Mode mode)
{
    private const int MostRequests = 100_000;
    private const int MostBytes = 268_435_456;

    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(
        mode, ("BatchBus:MaxBatchBytes", null), ("BatchBus:MaxBatchRequests", null), ("BatchBus:MaxRequestBytes", null));

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_batch_may_have_100_000_requests_and_no_more()
    {
        var batch = await _server.CreateAsync(Body(MostRequests));
        var refused = await _server.PostAsync(Body(MostRequests + 1));

        Assert.That(batch.GetProperty("request_counts").GetProperty("processing").GetInt32(), Is.EqualTo(MostRequests));
        Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await refused.Content.ReadAsStringAsync(), Does.Contain("requests: List should have at most 100000 items"));

        static string Body(int count)
            => $$$"""{"requests":[{{{string.Join(',', Enumerable.Range(0, count).Select(i => $$$"""{"custom_id":"row-{{{i}}}","params":{"model":"gpt-9"}}"""))}}}]}""";
    }

    [Test]
    public async Task A_body_may_have_256_MiB()
    {
        using var content = new PushedContent(MostBytes, async stream =>
        {
            // Requests of nearly 30 MiB, and one that makes it the very length.
            var left = MostBytes - "{\"requests\":[]}".Length;
            await stream.WriteAsync("{\"requests\":["u8.ToArray());
            for (var i = 0; left > 0; i++)
            {
                var (head, tail) = ($$"""{{(i == 0 ? "" : ",")}}{"custom_id":"row-{{i}}","params":{"model":"gpt-9","text":""" + "\"", "\"}}");
                var length = Math.Min(left, 30_000_000) - head.Length - tail.Length;
                await stream.WriteAsync(Encoding.ASCII.GetBytes(head + new string('x', length) + tail));
                left -= head.Length + length + tail.Length;
            }

            await stream.WriteAsync("]}"u8.ToArray());
        });

        var response = await _server.SendAsync(HttpMethod.Post, "/v1/messages/batches", content);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), await response.Content.ReadAsStringAsync());
    }

    [Test]
    public async Task A_body_of_more_is_refused_before_it_comes()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(_server.Http.BaseAddress!.Host, _server.Http.BaseAddress.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /v1/messages/batches HTTP/1.1\r\nHost: localhost\r\nx-api-key: {_server.Key}\r\nContent-Length: {MostBytes + 1}\r\n\r\n"));
        using var reader = new StreamReader(client.GetStream());
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));

        Assert.That(await reader.ReadLineAsync(deadline.Token), Does.StartWith("HTTP/1.1 413"));
    }

    /// <summary>A body of a known length that never stands in memory as a whole.</summary>
    private sealed class PushedContent(long length, Func<Stream, Task> push) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => push(stream);

        protected override bool TryComputeLength(out long computed)
        {
            computed = length;
            return true;
        }
    }
}
