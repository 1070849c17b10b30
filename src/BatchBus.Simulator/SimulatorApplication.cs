using BatchBus.Simulator.Chat;
using BatchBus.Simulator.Jobs;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace BatchBus.Simulator;

/// <summary>
/// Leads a request to its protocol. It sits on Kestrel directly, without a host's pipeline: the simulator's share of a benchmark
/// has to stay small, and it must not take signals, settings or log output from the process that it runs in.
/// </summary>
internal sealed class SimulatorApplication(ModelEngine engine, JobRoutes jobs, string? apiKey) : IHttpApplication<HttpContext>
{
    private const string JobsPrefix = "/v2/";
    private const string OpenAiOperation = "/openai/v1/";

    private readonly string? _authorization = apiKey is null ? null : $"Bearer {apiKey}";
    private readonly ChatRoutes _chat = new(engine);
    private readonly ControlRoutes _control = new(engine);

    public HttpContext CreateContext(IFeatureCollection contextFeatures)
    {
        // Kestrel keeps one context for all requests of a connection here.
        if (contextFeatures is not IHostContextContainer<HttpContext> container)
        {
            return new DefaultHttpContext(contextFeatures);
        }

        if (container.HostContext is DefaultHttpContext context)
        {
            context.Initialize(contextFeatures);
            return context;
        }

        return container.HostContext = new DefaultHttpContext(contextFeatures);
    }

    public void DisposeContext(HttpContext context, Exception? exception) => ((DefaultHttpContext)context).Uninitialize();

    public Task ProcessRequestAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        if (path.StartsWith("/v1/", StringComparison.Ordinal))
        {
            return IsAuthorized(context) ? _chat.ServeAsync(context, path) : ChatRoutes.RefuseAsync(context);
        }

        if (path.StartsWith(JobsPrefix, StringComparison.Ordinal) && path.IndexOf('/', JobsPrefix.Length) is var end and > 0)
        {
            return !IsAuthorized(context) ? JobRoutes.RefuseAsync(context)
                : path.AsSpan(end).StartsWith(OpenAiOperation, StringComparison.Ordinal) ? _chat.ServeAsync(context, path[(end + "/openai".Length)..])
                : jobs.ServeAsync(context, path[JobsPrefix.Length..end], path[end..]);
        }

        return _control.ServeAsync(context, path);
    }

    private bool IsAuthorized(HttpContext context) =>
        _authorization is null || context.Request.Headers.Authorization.ToString() == _authorization;
}
