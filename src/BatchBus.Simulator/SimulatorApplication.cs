using System.Globalization;
using BatchBus.Simulator.Chat;
using BatchBus.Simulator.Jobs;
using BatchBus.Simulator.Scripting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace BatchBus.Simulator;

/// <summary>
/// Leads a request to its protocol. It sits on Kestrel directly, without a host's pipeline: the simulator's share of a benchmark
/// has to stay small, and it must not take signals, settings or log output from the process that it runs in.
/// </summary>
internal sealed class SimulatorApplication(ModelEngine engine, string? apiKey) : IHttpApplication<HttpContext>
{
    private const string JobsPrefix = "/v2/";
    private const string OpenAiOperation = "/openai/v1/";

    private readonly string? _authorization = apiKey is null ? null : $"Bearer {apiKey}";
    private readonly ChatRoutes _chat = new(engine);
    private readonly ControlRoutes _control = new(engine);
    private readonly SimulatedEndpoint _openAi = engine.Endpoint(SimulatedEndpoint.OpenAi);

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
            return !IsAuthorized(context) ? ChatRoutes.RefuseAsync(context) : ServeAsync(context, _openAi, path, isJobs: false);
        }

        if (path.StartsWith(JobsPrefix, StringComparison.Ordinal) && path.IndexOf('/', JobsPrefix.Length) is var end and > 0)
        {
            if (!IsAuthorized(context))
            {
                return JobRoutes.RefuseAsync(context);
            }

            var endpoint = engine.Endpoint(path[JobsPrefix.Length..end]);
            return path.AsSpan(end).StartsWith(OpenAiOperation, StringComparison.Ordinal)
                ? ServeAsync(context, endpoint, path[(end + "/openai".Length)..], isJobs: false)
                : ServeAsync(context, endpoint, path[end..], isJobs: true);
        }

        return path == "/health" ? ChatRoutes.SendHealthAsync(context, _openAi) : _control.ServeAsync(context, path);
    }

    private Task ServeAsync(HttpContext context, SimulatedEndpoint endpoint, string path, bool isJobs)
    {
        var operation = isJobs ? JobRoutes.OperationOf(context.Request.Method, path) : SimulatedOperation.Status;
        if (isJobs && operation is { } counted)
        {
            endpoint.CountCall(counted);
        }
        else if (!isJobs && path == ChatRoutes.Completions)
        {
            endpoint.CountChat();
        }

        if (endpoint.Outage is { } outage)
        {
            endpoint.CountRefused();
            return outage.AnswerAsync(context);
        }

        return operation is { } limited && endpoint.RateLimits?.For(limited) is { } limit
            ? ServeLimitedAsync(context, endpoint, path, isJobs, endpoint.EnterGate(limited, limit), limit)
            : ServeOpenAsync(context, endpoint, path, isJobs);
    }

    private async Task ServeLimitedAsync(HttpContext context, SimulatedEndpoint endpoint, string path, bool isJobs, RateGate? gate, SimulatedRateLimit limit)
    {
        if (gate is null)
        {
            if (limit.RetryAfter is { } time)
            {
                context.Response.Headers.RetryAfter = Math.Ceiling(time.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            }

            await context.SendPageAsync(StatusCodes.Status429TooManyRequests);
            return;
        }

        try
        {
            await ServeOpenAsync(context, endpoint, path, isJobs);
        }
        finally
        {
            gate.Exit();
        }
    }

    private Task ServeOpenAsync(HttpContext context, SimulatedEndpoint endpoint, string path, bool isJobs) =>
        isJobs ? JobRoutes.ServeAsync(context, endpoint, path) : _chat.ServeAsync(context, endpoint, path);

    private bool IsAuthorized(HttpContext context) =>
        _authorization is null || context.Request.Headers.Authorization.ToString() == _authorization;
}
