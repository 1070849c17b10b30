using System.Buffers;
using System.Text;
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

    public static async Task SendTextAsync(this HttpContext context, int status, string contentType, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        context.Response.ContentLength = bytes.Length;
        await context.Response.BodyWriter.WriteAsync(bytes, context.RequestAborted);
    }
}
