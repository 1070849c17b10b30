using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Simulator;

/// <summary>
/// A JSON text under construction: one per thread and used again, so from <see cref="Begin"/> to <see cref="SendAsync"/> there is no await.
/// </summary>
internal sealed class JsonBody
{
    [ThreadStatic]
    private static JsonBody? _current;

    private readonly ArrayBufferWriter<byte> _buffer = new(4096);

    private JsonBody()
    {
        // As the Python servers behind both protocols write it: UTF-8 as it is, no escapes without need.
        Writer = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    }

    public Utf8JsonWriter Writer { get; }

    public static JsonBody Begin()
    {
        var body = _current ??= new JsonBody();
        body._buffer.ResetWrittenCount();
        body.Writer.Reset();
        return body;
    }

    public override string ToString()
    {
        Writer.Flush();
        return Encoding.UTF8.GetString(_buffer.WrittenSpan);
    }

    public Task SendAsync(HttpContext context, int status = 200)
    {
        Writer.Flush();
        return SendAsync(context, status, _buffer.WrittenCount);
    }

    /// <summary>Sends the first half of the text, as if that were all.</summary>
    public Task SendHalfAsync(HttpContext context)
    {
        Writer.Flush();
        return SendAsync(context, 200, _buffer.WrittenCount / 2);
    }

    private async Task SendAsync(HttpContext context, int status, int length)
    {
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = length;
        _buffer.WrittenSpan[..length].CopyTo(response.BodyWriter.GetSpan(length));
        response.BodyWriter.Advance(length);
        await response.BodyWriter.FlushAsync(context.RequestAborted);
    }
}
