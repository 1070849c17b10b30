using System.Buffers;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Simulator;

/// <summary>Reading of bodies and sending of what is not JSON.</summary>
internal static class Exchange
{
    /// <summary>Waits for the whole body, which the caller gives back with <c>BodyReader.AdvanceTo</c>.</summary>
    public static async Task<ReadOnlySequence<byte>> ReadBodyAsync(this HttpContext context)
    {
        var reader = context.Request.BodyReader;
        while (true)
        {
            var result = await reader.ReadAsync(context.RequestAborted);
            if (result.IsCompleted)
            {
                return result.Buffer;
            }

            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    /// <summary>A page as RunPod's gateway sends it: RunPod documents no body for its own errors, so no client should lean on JSON there.</summary>
    public static Task SendPageAsync(this HttpContext context, int status) => context.SendTextAsync(status, "text/html", $"<html><body><h1>{status}</h1></body></html>");

    /// <summary>Breaks the connection so that the caller sees it reset, not closed.</summary>
    public static Task ResetAsync(this HttpContext context)
    {
        if (context.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket)
        {
            socket.LingerState = new LingerOption(true, 0);
            socket.Close();
        }

        context.Abort();
        return Task.CompletedTask;
    }

    /// <summary>Leaves the caller waiting until it gives up or the server stops.</summary>
    public static async Task HangAsync(this HttpContext context)
    {
        await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        context.Abort();
    }

    public static async Task SendTextAsync(this HttpContext context, int status, string contentType, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        context.Response.ContentLength = bytes.Length;
        await context.Response.BodyWriter.WriteAsync(bytes, context.RequestAborted);
    }
}
