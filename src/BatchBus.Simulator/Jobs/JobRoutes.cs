using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Simulator.Jobs;

/// <summary>RunPod's job API.</summary>
internal sealed class JobRoutes(ModelEngine engine)
{
    private const int MaxBodyBytes = 10 * 1024 * 1024;
    private const string Status = "/status/";
    private const string Cancel = "/cancel/";

    private readonly ConcurrentDictionary<string, JobEndpoint> _endpoints = [];

    public static Task RefuseAsync(HttpContext context) => SendErrorAsync(context, StatusCodes.Status401Unauthorized);

    public Task ServeAsync(HttpContext context, string endpointId, string operation)
    {
        var endpoint = _endpoints.GetOrAdd(endpointId, static (_, owner) => new JobEndpoint(owner), engine);
        return context.Request.Method switch
        {
            "POST" when operation == "/run" => RunAsync(context, endpoint),
            "GET" when operation == "/health" => SendHealthAsync(context, endpoint),
            "GET" when operation.StartsWith(Status, StringComparison.Ordinal) =>
                SendAsync(context, endpoint.Find(operation[Status.Length..]), static (job, writer) => job.Write(writer)),
            "POST" when operation.StartsWith(Cancel, StringComparison.Ordinal) =>
                SendAsync(context, endpoint.Cancel(operation[Cancel.Length..]), static (job, writer) => job.WriteStatus(writer)),
            _ => SendErrorAsync(context, StatusCodes.Status404NotFound),
        };
    }

    /// <summary>Cancels the jobs that are open.</summary>
    public void Stop()
    {
        foreach (var endpoint in _endpoints.Values)
        {
            endpoint.Stop();
        }
    }

    private static async Task RunAsync(HttpContext context, JobEndpoint endpoint)
    {
        var body = await context.ReadBodyAsync();
        var isTooLarge = body.Length > MaxBodyBytes;
        var request = isTooLarge ? null : JobRequest.Read(body);
        JobState? job = request is null ? null : endpoint.Submit(request);
        context.Request.BodyReader.AdvanceTo(body.End);
        await (isTooLarge ? SendErrorAsync(context, StatusCodes.Status413PayloadTooLarge)
            : job is null ? SendErrorAsync(context, StatusCodes.Status400BadRequest)
            : SendAsync(context, job, static (accepted, writer) => accepted.WriteStatus(writer)));
    }

    private static Task SendAsync(HttpContext context, JobState? state, Action<JobState, Utf8JsonWriter> write)
    {
        if (state is not { } job)
        {
            return SendErrorAsync(context, StatusCodes.Status404NotFound);
        }

        var json = JsonBody.Begin();
        write(job, json.Writer);
        return json.SendAsync(context);
    }

    // RunPod documents no body for its own errors and its gateway sends HTML: no client should lean on JSON here.
    private static Task SendErrorAsync(HttpContext context, int status) =>
        context.SendTextAsync(status, "text/html", $"<html><body><h1>{status}</h1></body></html>");

    private static Task SendHealthAsync(HttpContext context, JobEndpoint endpoint)
    {
        var jobs = endpoint.Count();
        var json = JsonBody.Begin();
        var writer = json.Writer;
        writer.WriteStartObject();
        writer.WriteStartObject("jobs"u8);
        writer.WriteNumber("completed"u8, jobs.Completed);
        writer.WriteNumber("failed"u8, jobs.Failed);
        writer.WriteNumber("inProgress"u8, jobs.InProgress);
        writer.WriteNumber("inQueue"u8, jobs.InQueue);
        writer.WriteNumber("retried"u8, 0);
        writer.WriteEndObject();

        // One worker, which is always there.
        writer.WriteStartObject("workers"u8);
        writer.WriteNumber("idle"u8, jobs.InProgress == 0 ? 1 : 0);
        writer.WriteNumber("initializing"u8, 0);
        writer.WriteNumber("ready"u8, 1);
        writer.WriteNumber("running"u8, jobs.InProgress == 0 ? 0 : 1);
        writer.WriteNumber("throttled"u8, 0);
        writer.WriteNumber("unhealthy"u8, 0);
        writer.WriteEndObject();
        writer.WriteEndObject();
        return json.SendAsync(context);
    }
}
