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

    public async Task SendAsync(HttpContext context, int status = 200)
    {
        Writer.Flush();
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = _buffer.WrittenCount;
        _buffer.WrittenSpan.CopyTo(response.BodyWriter.GetSpan(_buffer.WrittenCount));
        response.BodyWriter.Advance(_buffer.WrittenCount);
        await response.BodyWriter.FlushAsync(context.RequestAborted);
    }
}
