using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using BatchBus.Simulator.Scripting;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Simulator;

/// <summary>What tests and benchmarks in other processes see of the log and change at run time.</summary>
internal sealed class ControlRoutes(ModelEngine engine)
{
    private const string Endpoints = "/simulator/endpoints/";

    public Task ServeAsync(HttpContext context, string path) => (context.Request.Method, path) switch
    {
        ("GET", "/simulator/log") => SendLogAsync(context),
        ("DELETE", "/simulator/log") => ClearLog(context),
        ("GET", "/simulator/counts") => SendCountsAsync(context),
        ("PUT", "/simulator/latency") => SetLatencyAsync(context),
        ("PUT", _) when EndpointOf(path) is { } id => ScriptAsync(context, id),
        ("DELETE", _) when EndpointOf(path) is { } id => Reset(context, id),
        _ => context.SendTextAsync(StatusCodes.Status404NotFound, "text/plain", "There is nothing here: see /v1, /v2/{endpoint} and /simulator.\n"),
    };

    private static string? EndpointOf(string path) =>
        path.StartsWith(Endpoints, StringComparison.Ordinal) && path.Length > Endpoints.Length && !path.AsSpan(Endpoints.Length).Contains('/')
            ? path[Endpoints.Length..]
            : null;

    private static void Write(PipeWriter output, Utf8JsonWriter writer, in SimulatedCall call)
    {
        writer.Reset(output);
        writer.WriteStartObject();
        writer.WriteString("key"u8, call.Key.ToString("x16", CultureInfo.InvariantCulture));
        writer.WriteString("model"u8, call.Model);
        writer.WriteString("protocol"u8, call.Protocol == SimulatedProtocol.OpenAi ? "openai"u8 : "runpod"u8);
        writer.WriteNumber("start_ms"u8, Milliseconds(call.Start));
        if (call.End is { } end)
        {
            writer.WriteNumber("end_ms"u8, Milliseconds(end));
        }
        else
        {
            writer.WriteNull("end_ms"u8);
        }

        writer.WriteString("outcome"u8, call.Outcome switch
        {
            SimulatedOutcome.Open => "open"u8,
            SimulatedOutcome.Completed => "completed"u8,
            SimulatedOutcome.Canceled => "canceled"u8,
            SimulatedOutcome.Failed => "failed"u8,
            _ => throw new InvalidOperationException($"Outcome {call.Outcome} has no name."),
        });
        writer.WriteString("endpoint"u8, call.Endpoint);
        if (call.Began is { } began)
        {
            writer.WriteNumber("began_ms"u8, Milliseconds(began));
        }
        else
        {
            writer.WriteNull("began_ms"u8);
        }

        writer.WriteBoolean("fault"u8, call.IsFault);
        writer.WriteEndObject();
        writer.Flush();
        output.GetSpan(1)[0] = (byte)'\n';
        output.Advance(1);
    }

    private static void Write(Utf8JsonWriter writer, SimulatedEndpoint endpoint)
    {
        var counts = endpoint.Count();
        writer.WriteStartObject(endpoint.Id);
        writer.WriteNumber("runs"u8, counts.Runs);
        writer.WriteNumber("statuses"u8, counts.Statuses);
        writer.WriteNumber("cancels"u8, counts.Cancels);
        writer.WriteNumber("chats"u8, counts.Chats);
        writer.WriteNumber("rate_limited"u8, counts.RateLimited);
        writer.WriteNumber("refused"u8, counts.Refused);
        writer.WriteNumber("faults"u8, counts.Faults);
        writer.WriteNumber("in_queue"u8, counts.InQueue);
        writer.WriteNumber("running"u8, counts.Running);
        writer.WriteEndObject();
    }

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 3);

    private async Task SendLogAsync(HttpContext context)
    {
        context.Response.ContentType = "application/x-ndjson";
        var output = context.Response.BodyWriter;
        var page = new SimulatedCall[1024];
        await using var writer = new Utf8JsonWriter(output);
        for (int from = 0, count; (count = engine.Log.Read(from, page)) > 0; from += count)
        {
            for (var i = 0; i < count; i++)
            {
                Write(output, writer, page[i]);
            }

            await output.FlushAsync(context.RequestAborted);
        }
    }

    private Task ClearLog(HttpContext context)
    {
        engine.Log.Clear();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private Task SendCountsAsync(HttpContext context)
    {
        var counts = engine.Log.Count();
        var json = JsonBody.Begin();
        var writer = json.Writer;
        writer.WriteStartObject();
        writer.WriteNumber("total"u8, counts.Total);
        writer.WriteNumber("distinct_keys"u8, counts.DistinctKeys);
        writer.WriteNumber("repeated_keys"u8, counts.RepeatedKeys);
        writer.WriteNumber("open"u8, counts.Open);
        writer.WriteNumber("max_open"u8, counts.MaxOpen);
        writer.WriteNumber("now_ms"u8, Milliseconds(engine.Log.Now));
        writer.WriteStartObject("endpoints"u8);
        foreach (var endpoint in engine.Endpoints.OrderBy(endpoint => endpoint.Id, StringComparer.Ordinal))
        {
            Write(writer, endpoint);
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
        return json.SendAsync(context);
    }

    private async Task SetLatencyAsync(HttpContext context)
    {
        var body = await context.ReadBodyAsync();
        var text = Encoding.UTF8.GetString(body);
        context.Request.BodyReader.AdvanceTo(body.End);
        if (!SimulatedLatency.TryParse(text, out var latency, out var error))
        {
            await context.SendTextAsync(StatusCodes.Status400BadRequest, "text/plain; charset=utf-8", error);
            return;
        }

        engine.Latency = latency;
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task ScriptAsync(HttpContext context, string id)
    {
        var body = await context.ReadBodyAsync();
        string? error = null;
        try
        {
            EndpointSettings.Apply(body, engine.Endpoint(id));
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException or InvalidOperationException)
        {
            error = exception.Message;
        }

        context.Request.BodyReader.AdvanceTo(body.End);
        if (error is not null)
        {
            await context.SendTextAsync(StatusCodes.Status400BadRequest, "text/plain; charset=utf-8", error);
            return;
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private Task Reset(HttpContext context, string id)
    {
        engine.Endpoint(id).Reset();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}
