using BatchBus.Simulator.Jobs;
using BatchBus.Simulator.Scripting;
using BatchBus.Simulator.Workers;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Simulator.Chat;

/// <summary>vLLM's OpenAI-style API.</summary>
internal sealed class ChatRoutes(ModelEngine engine)
{
    public const string Completions = "/v1/chat/completions";

    public static Task RefuseAsync(HttpContext context)
    {
        var json = JsonBody.Begin();
        json.Writer.WriteStartObject();
        json.Writer.WriteString("error"u8, "Unauthorized"u8);
        json.Writer.WriteEndObject();
        return json.SendAsync(context, StatusCodes.Status401Unauthorized);
    }

    public Task ServeAsync(HttpContext context, SimulatedEndpoint endpoint, string path) => (context.Request.Method, path) switch
    {
        ("POST", Completions) => CompleteAsync(context, endpoint),
        ("GET", "/v1/models") => SendModelsAsync(context),
        _ => SendAsync(context, ChatRejection.NotFound("Not Found")),
    };

    /// <summary>vLLM's own <c>/health</c>, which asks for no key.</summary>
    public static Task SendHealthAsync(HttpContext context, SimulatedEndpoint endpoint)
    {
        if (endpoint.Outage is { } outage && outage.Status is null or >= 500)
        {
            return outage.Status is null ? outage.AnswerAsync(context) : Answer(StatusCodes.Status503ServiceUnavailable);
        }

        return Answer(endpoint.IsDead() ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK);

        Task Answer(int status)
        {
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        }
    }

    private static Task SendAsync(HttpContext context, ChatRejection rejection)
    {
        var json = JsonBody.Begin();
        rejection.Write(json.Writer);
        return json.SendAsync(context, rejection.Status);
    }

    private static Task SendFlatAsync(HttpContext context, ChatRejection rejection)
    {
        var json = JsonBody.Begin();
        rejection.WriteFlat(json.Writer);
        return json.SendAsync(context);
    }

    // vLLM itself goes down with its engine. Behind RunPod's route the worker reports that, and the route answers 200 whatever it is.
    private static Task SendDeadAsync(HttpContext context, SimulatedEndpoint endpoint) => endpoint.Id == SimulatedEndpoint.OpenAi
        ? SendAsync(context, ChatRejection.Of(500, "EngineCore encountered an issue. See stack trace (above) for the root cause."))
        : SendFlatAsync(context, ChatRejection.Of(500, WorkerError.DeadEngine));

    private async Task CompleteAsync(HttpContext context, SimulatedEndpoint endpoint)
    {
        var body = await context.ReadBodyAsync();
        var request = engine.Read(body, endpoint.Markers, out var rejection);
        context.Request.BodyReader.AdvanceTo(body.End);
        var fault = rejection is null ? endpoint.ChooseFault(SimulatedOperation.Run, request.Markers) : null;
        if (fault is { IsRefusal: true })
        {
            await fault.RefuseAsync(context);
            return;
        }

        var ticket = engine.Begin(request, SimulatedProtocol.OpenAi, endpoint.Id);
        if (rejection is not null)
        {
            engine.Log.End(ticket, SimulatedOutcome.Failed);
            await SendAsync(context, rejection);
            return;
        }

        var created = endpoint.Clock.Now.ToUnixTimeSeconds();
        ExecutionEnd end;
        try
        {
            var worker = await endpoint.EnterAsync(context.RequestAborted);
            try
            {
                engine.Log.Run(ticket);
                end = await endpoint.ExecuteAsync(request, fault, worker, null, context.RequestAborted);
            }
            finally
            {
                endpoint.Exit(worker);
            }
        }
        catch (OperationCanceledException)
        {
            engine.Log.End(ticket, SimulatedOutcome.Canceled, fault?.Kind == SimulatedFaultKind.Hang);
            context.Abort();
            return;
        }

        // Into the log first: who has the answer also sees the call's end.
        var isFault = end == ExecutionEnd.DeadEngine || fault is { SpoilsChats: true };
        engine.Log.End(ticket, isFault ? SimulatedOutcome.Failed : SimulatedOutcome.Completed, isFault);
        await (end == ExecutionEnd.DeadEngine ? SendDeadAsync(context, endpoint) : SendAsync(context, request, fault, created));
    }

    private Task SendAsync(HttpContext context, ChatRequest request, SimulatedFault? fault, long created)
    {
        switch (fault?.Kind)
        {
            case SimulatedFaultKind.ErrorObject:
                return SendFlatAsync(context, SpoiledJob.RejectionOf(fault));
            case SimulatedFaultKind.VllmError:
                return SendAsync(context, SpoiledJob.RejectionOf(fault));
            case SimulatedFaultKind.Traceback or SimulatedFaultKind.WorkerException:
                return context.SendTextAsync(StatusCodes.Status500InternalServerError, "text/plain", "Internal Server Error");
            case SimulatedFaultKind.TimedOut:
                return context.SendPageAsync(StatusCodes.Status504GatewayTimeout);
            case SimulatedFaultKind.Cancelled:
                return context.ResetAsync();
            default:
                var json = JsonBody.Begin();
                ChatAnswer.To(request).Write(json.Writer, request, engine.NextCompletionId(), created, fault?.Kind);
                return fault.SendAsync(context, json);
        }
    }

    private Task SendModelsAsync(HttpContext context)
    {
        var json = JsonBody.Begin();
        var writer = json.Writer;
        writer.WriteStartObject();
        writer.WriteString("object"u8, "list"u8);
        writer.WriteStartArray("data"u8);
        foreach (var model in engine.Models)
        {
            writer.WriteStartObject();
            writer.WriteString("id"u8, model);
            writer.WriteString("object"u8, "model"u8);
            writer.WriteNumber("created"u8, engine.TimeProvider.GetUtcNow().ToUnixTimeSeconds());
            writer.WriteString("owned_by"u8, "vllm"u8);
            writer.WriteString("root"u8, model);
            writer.WriteNull("parent"u8);
            writer.WriteNumber("max_model_len"u8, engine.MaxModelLength);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
        return json.SendAsync(context);
    }
}
