using System.Diagnostics;
using System.Globalization;
using BatchBus.Benchmarks.Processes;
using BatchBus.TestServers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Benchmarks.Rivals;

/// <summary>The floor of streaming: a server that discards what it is sent and sends bytes that mean nothing, in a process of its own.</summary>
internal sealed class BareServer : IAsyncDisposable
{
    public const string Command = "stream";

    private const int Block = 1 << 16;

    private readonly ChildProcess _process;
    private readonly HttpClient _http;

    private BareServer(ChildProcess process, string url)
    {
        _process = process;
        _http = new HttpClient { BaseAddress = new Uri(url) };
    }

    public static async Task<BareServer> StartAsync()
    {
        var url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{LoopbackPort.FindFree()}");
        var server = new BareServer(await HiddenCommand.StartAsync(Command, url), url);
        await Eventually.ThatAsync(server.AnswersAsync, "the bare server answers");
        return server;
    }

    /// <summary>What the child process does: serves until it is ended.</summary>
    public static async Task ServeAsync(string url)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls(url).ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
        await using var app = builder.Build();
        app.Run(async context =>
        {
            if (context.Request.Method == "POST")
            {
                await context.Request.Body.CopyToAsync(Stream.Null);
                return;
            }

            var block = new byte[Block];
            for (var left = long.Parse(context.Request.Path.Value![1..], CultureInfo.InvariantCulture); left > 0; left -= Block)
            {
                await context.Response.Body.WriteAsync(block.AsMemory(0, (int)Math.Min(Block, left)));
            }
        });
        await app.RunAsync();
    }

    public async Task<TimeSpan> SendAsync(ReadOnlyMemory<byte> body)
    {
        using var content = new ReadOnlyMemoryContent(body);
        var watch = Stopwatch.StartNew();
        using var response = await _http.PostAsync("/", content);
        response.EnsureSuccessStatusCode();
        return watch.Elapsed;
    }

    public async Task<TimeSpan> ReceiveAsync(long bytes)
    {
        using var buffer = new MemoryStream((int)bytes);
        var watch = Stopwatch.StartNew();
        await using var stream = await _http.GetStreamAsync(new Uri($"/{bytes}", UriKind.Relative));
        await stream.CopyToAsync(buffer, Block);
        return watch.Elapsed;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            return (await _http.GetAsync("/0")).IsSuccessStatusCode;
        }
        catch (HttpRequestException) when (!_process.HasExited)
        {
            return false;
        }
    }
}
