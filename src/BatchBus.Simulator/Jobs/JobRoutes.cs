using System.Text.Json;
using BatchBus.Simulator.Scripting;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Simulator.Jobs;

/// <summary>RunPod's job API.</summary>
internal static class JobRoutes
{
    private const int MaxBodyBytes = 10 * 1024 * 1024;
    private const string Status = "/status/";
    private const string Cancel = "/cancel/";

    public static Task RefuseAsync(HttpContext context) => context.SendPageAsync(StatusCodes.Status401Unauthorized);

    /// <summary>Tells by which operation a request goes.</summary>
    public static SimulatedOperation? OperationOf(string method, string path) => method switch
    {
        "POST" when path == "/run" => SimulatedOperation.Run,
        "GET" when path.StartsWith(Status, StringComparison.Ordinal) => SimulatedOperation.Status,
        "POST" when path.StartsWith(Cancel, StringComparison.Ordinal) => SimulatedOperation.Cancel,
        _ => null,
    };

    public static Task ServeAsync(HttpContext context, SimulatedEndpoint endpoint, string path) => OperationOf(context.Request.Method, path) switch
    {
        SimulatedOperation.Run => RunAsync(context, endpoint),
        SimulatedOperation.Status => SendAsync(
            context, endpoint, SimulatedOperation.Status, jobs => jobs.Find(path[Status.Length..]), static (job, writer) => job.Write(writer)),
        SimulatedOperation.Cancel => SendAsync(
            context, endpoint, SimulatedOperation.Cancel, jobs => jobs.Cancel(path[Cancel.Length..]), static (job, writer) => job.WriteStatus(writer)),
        _ when context.Request.Method == "GET" && path == "/health" => SendHealthAsync(context, endpoint),
        _ => context.SendPageAsync(StatusCodes.Status404NotFound),
    };

    private static async Task RunAsync(HttpContext context, SimulatedEndpoint endpoint)
    {
        var body = await context.ReadBodyAsync();
        var isTooLarge = body.Length > MaxBodyBytes;
        var request = isTooLarge ? null : JobRequest.Read(body);
        SimulatedFault? fault = null;
        var job = request is null ? null : endpoint.Jobs.Submit(request, out fault);
        context.Request.BodyReader.AdvanceTo(body.End);
        await (isTooLarge ? context.SendPageAsync(StatusCodes.Status413PayloadTooLarge)
            : request is null ? context.SendPageAsync(StatusCodes.Status400BadRequest)
            : job is null ? fault!.RefuseAsync(context)
            : SendAsync(context, job.Value, fault, static (accepted, writer) => accepted.WriteStatus(writer)));
    }

    private static Task SendAsync(
        HttpContext context, SimulatedEndpoint endpoint, SimulatedOperation operation, Func<JobEndpoint, JobState?> ask, Action<JobState, Utf8JsonWriter> write)
    {
        var fault = endpoint.ChooseFault(operation, []);
        return fault is { IsRefusal: true } ? fault.RefuseAsync(context)
            : ask(endpoint.Jobs) is { } job ? SendAsync(context, job, fault, write)
            : context.SendPageAsync(StatusCodes.Status404NotFound);
    }

    private static Task SendAsync(HttpContext context, JobState job, SimulatedFault? fault, Action<JobState, Utf8JsonWriter> write)
    {
        var json = JsonBody.Begin();
        write(job, json.Writer);
        return fault.SendAsync(context, json);
    }

    private static Task SendHealthAsync(HttpContext context, SimulatedEndpoint endpoint)
    {
        var jobs = endpoint.Jobs.Count();
        var workers = endpoint.CountWorkers();
        var json = JsonBody.Begin();
        var writer = json.Writer;
        writer.WriteStartObject();
        writer.WriteStartObject("jobs"u8);
        writer.WriteNumber("completed"u8, jobs.Completed);
        writer.WriteNumber("failed"u8, jobs.Failed);
        writer.WriteNumber("inProgress"u8, jobs.InProgress);
        writer.WriteNumber("inQueue"u8, jobs.InQueue);
        writer.WriteNumber("retried"u8, jobs.Retried);
        writer.WriteEndObject();

        // One with a dead engine counts as healthy: RunPod does not notice.
        writer.WriteStartObject("workers"u8);
        writer.WriteNumber("idle"u8, workers.Idle);
        writer.WriteNumber("initializing"u8, workers.Initializing);
        writer.WriteNumber("ready"u8, workers.Idle + workers.Running);
        writer.WriteNumber("running"u8, workers.Running);
        writer.WriteNumber("throttled"u8, workers.Throttled);
        writer.WriteNumber("unhealthy"u8, 0);
        writer.WriteEndObject();
        writer.WriteEndObject();
        return json.SendAsync(context);
    }
}
