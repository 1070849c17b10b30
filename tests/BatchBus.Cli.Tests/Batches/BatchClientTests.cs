using System.Text;
using BatchBus.Cli.Batches;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace BatchBus.Cli.Tests.Batches;

/// <summary>What the client does when connections break, which a server that is well cannot show.</summary>
public sealed class BatchClientTests
{
    private readonly List<string?> _asked = [];
    private TaskCompletionSource _heard = null!;

    [SetUp]
    public void SetUp()
    {
        _asked.Clear();
        _heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    [Test]
    public async Task Results_go_on_at_the_line_that_had_not_arrived_whole()
    {
        await using var server = await StartAsync(async context =>
        {
            string? range = context.Request.Headers.Range;
            _asked.Add(range);
            if (range is null)
            {
                await SendAndBreakAsync(context, "{\"a\":1}\n{\"b\"");
            }
            else if (range == "bytes=8-")
            {
                context.Response.StatusCode = StatusCodes.Status206PartialContent;
                await context.Response.WriteAsync("{\"b\":2}\n{\"c\":3}\n");
            }
        });
        using var client = new BatchClient(AddressOf(server), "key", TimeProvider.System);

        var lines = await client.ResultLinesAsync("msgbatch_1", partial: false, from: 0, CancellationToken.None)
            .Select(line => Hear(Encoding.UTF8.GetString(line.Span))).ToListAsync();

        Assert.That(lines, Is.EqualTo(new[] { "{\"a\":1}\n", "{\"b\":2}\n", "{\"c\":3}\n" }));
        Assert.That(_asked, Is.EqualTo(new[] { null, "bytes=8-" }));
    }

    [Test]
    public async Task Events_go_on_after_the_last_that_was_heard()
    {
        await using var server = await StartAsync(async context =>
        {
            string? last = context.Request.Headers["Last-Event-ID"];
            _asked.Add(last);
            context.Response.ContentType = "text/event-stream";
            if (last is null)
            {
                await SendAndBreakAsync(context, "id: 3\nevent: progress\ndata: {\"total\":4}\n\nid: 4\nevent: pro");
            }
            else
            {
                await context.Response.WriteAsync("id: 5\nevent: ended\ndata: {\"total\":5}\n\n");
            }
        });
        using var client = new BatchClient(AddressOf(server), "key", TimeProvider.System);

        var heard = await client.FollowAsync("msgbatch_1", CancellationToken.None).Select(update => Hear((update.Type, update.Data))).ToListAsync();

        Assert.That(heard, Is.EqualTo(new[] { ("progress", "{\"total\":4}"), ("ended", "{\"total\":5}") }));
        Assert.That(_asked, Is.EqualTo(new[] { null, "3" }));
    }

    /// <summary>Breaks the connection once the client has heard something: what is still on its way then would be lost.</summary>
    private async Task SendAndBreakAsync(HttpContext context, string text)
    {
        await context.Response.WriteAsync(text);
        await context.Response.Body.FlushAsync();
        await _heard.Task;
        context.Abort();
    }

    private T Hear<T>(T heard)
    {
        _heard.TrySetResult();
        return heard;
    }

    private static string AddressOf(WebApplication server) => server.Urls.First();

    private static async Task<WebApplication> StartAsync(RequestDelegate answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var server = builder.Build();
        server.Urls.Add("http://127.0.0.1:0");
        server.Run(answer);
        await server.StartAsync();
        return server;
    }
}
