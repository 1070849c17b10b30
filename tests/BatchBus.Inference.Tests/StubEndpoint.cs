using System.Collections.Concurrent;
using System.Net;
using System.Text;
using BatchBus.Inference.Catalog;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace BatchBus.Inference.Tests;

/// <summary>A model endpoint on loopback that answers as a test tells it to, and the client that the registration makes for it.</summary>
internal sealed class StubEndpoint : IAsyncDisposable
{
    private readonly WebApplication _app;
    private ServiceProvider? _services;

    private StubEndpoint(WebApplication app) => _app = app;

    /// <summary>Every request so far: method and path, <c>Authorization</c> header, body.</summary>
    public ConcurrentQueue<(string Call, string? Authorization, string Body)> Calls { get; } = [];

    public string Url => _app.Urls.First();

    /// <param name="answer">Answers one request, which has been read already; gets the number of requests to the same path before it.</param>
    public static async Task<StubEndpoint> StartAsync(Func<HttpContext, int, Task> answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var stub = new StubEndpoint(app);
        app.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
            var body = await reader.ReadToEndAsync(context.RequestAborted);
            var call = $"{context.Request.Method} {context.Request.Path}";
            var before = stub.Calls.Count(earlier => earlier.Call == call);
            stub.Calls.Enqueue((call, context.Request.Headers.Authorization, body));
            await answer(context, before);
        });
        await app.StartAsync();
        return stub;
    }

    public static Task<StubEndpoint> StartAsync(int status, string body, params (string Name, string Value)[] headers) => StartAsync((context, _) =>
    {
        foreach (var (name, value) in headers)
        {
            context.Response.Headers[name] = value;
        }

        return AnswerAsync(context, status, body);
    });

    public static Task AnswerAsync(HttpContext context, int status, string body)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsync(body, context.RequestAborted);
    }

    public IModelClient Client(ModelProtocol protocol, params (string Setting, string Value)[] settings)
    {
        const string model = "BatchBus:Models:mistral-7b";
        (string, string)[] all =
        [
            ($"{model}:BaseUrl", $"{Url}/{(protocol == ModelProtocol.OpenAi ? "v1" : "v2/ep7b")}"),
            ($"{model}:Protocol", protocol.ToString()),
            ($"{model}:ApiKey", "sk-secret"),
            ($"{model}:ServedModel", "mistralai/Mistral-7B-Instruct-v0.3"),
            ($"{model}:PollInterval", "00:00:00.001"),
            ($"{model}:MaxPollInterval", "00:00:00.005"),
            .. settings.Select(setting => ($"{model}:{setting.Setting}", setting.Value)),
        ];
        _services = InferenceServices.Create(all);
        return _services.GetRequiredKeyedService<IModelClient>("mistral-7b");
    }

    public async ValueTask DisposeAsync()
    {
        if (_services is not null)
        {
            await _services.DisposeAsync();
        }

        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }
}
