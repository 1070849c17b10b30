using Microsoft.AspNetCore.Http;

namespace BatchBus.Simulator.Chat;

/// <summary>vLLM's OpenAI-style API.</summary>
internal sealed class ChatRoutes(ModelEngine engine)
{
    public static Task RefuseAsync(HttpContext context)
    {
        var json = JsonBody.Begin();
        json.Writer.WriteStartObject();
        json.Writer.WriteString("error"u8, "Unauthorized"u8);
        json.Writer.WriteEndObject();
        return json.SendAsync(context, StatusCodes.Status401Unauthorized);
    }

    public Task ServeAsync(HttpContext context, string path) => (context.Request.Method, path) switch
    {
        ("POST", "/v1/chat/completions") => CompleteAsync(context),
        ("GET", "/v1/models") => SendModelsAsync(context),
        _ => SendAsync(context, ChatRejection.NotFound("Not Found")),
    };

    private static Task SendAsync(HttpContext context, ChatRejection rejection)
    {
        var json = JsonBody.Begin();
        rejection.Write(json.Writer);
        return json.SendAsync(context, rejection.Status);
    }

    private async Task CompleteAsync(HttpContext context)
    {
        var body = await context.ReadBodyAsync();
        var ticket = engine.Accept(body, SimulatedProtocol.OpenAi, out var request, out var rejection);
        context.Request.BodyReader.AdvanceTo(body.End);
        if (rejection is not null)
        {
            engine.Log.End(ticket, SimulatedOutcome.Failed);
            await SendAsync(context, rejection);
            return;
        }

        var created = engine.TimeProvider.GetUtcNow().ToUnixTimeSeconds();
        try
        {
            await engine.EnterAsync(context.RequestAborted);
            try
            {
                await engine.WaitAsync(engine.LatencyOf(request.Key), context.RequestAborted);
            }
            finally
            {
                engine.Exit();
            }
        }
        catch (OperationCanceledException)
        {
            engine.Log.End(ticket, SimulatedOutcome.Canceled);
            context.Abort();
            return;
        }

        // Into the log first: who has the answer also sees the call's end.
        engine.Log.End(ticket, SimulatedOutcome.Completed);
        var json = JsonBody.Begin();
        ChatAnswer.To(request).Write(json.Writer, request, engine.NextCompletionId(), created);
        await json.SendAsync(context);
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
