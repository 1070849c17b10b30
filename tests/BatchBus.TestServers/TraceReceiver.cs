using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace BatchBus.TestServers;

/// <summary>Takes traces by OTLP over HTTP (protobuf), as a collector would.</summary>
public sealed class TraceReceiver : IAsyncDisposable
{
    private readonly ConcurrentQueue<byte[]> _bodies = new();
    private readonly WebApplication _server;

    private TraceReceiver()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        _server = builder.Build();
        _server.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            _bodies.Enqueue(body.ToArray());
        });
    }

    /// <summary>For OTEL_EXPORTER_OTLP_ENDPOINT.</summary>
    public string Endpoint => _server.Urls.Single();

    /// <summary>What a process needs in its environment to send its traces here, and soon.</summary>
    public IReadOnlyDictionary<string, string> Settings => new Dictionary<string, string>
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = Endpoint,
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
        ["OTEL_BSP_MAX_QUEUE_SIZE"] = "100000",
    };

    /// <summary>The spans so far.</summary>
    public IReadOnlyList<ReceivedSpan> Spans => [.. _bodies.SelectMany(Read)];

    /// <summary>Whether a text occurs anywhere in what was sent.</summary>
    public bool Tells(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return _bodies.Any(body => body.AsSpan().IndexOf(bytes) >= 0);
    }

    public static async Task<TraceReceiver> StartAsync()
    {
        var receiver = new TraceReceiver();
        await receiver._server.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    // The numbers of the fields are those of opentelemetry/proto/trace/v1/trace.proto.
    private static IEnumerable<ReceivedSpan> Read(byte[] request)
    {
        foreach (var scopeSpans in Fields(request).Where(field => field.Number == 1).SelectMany(resource => Fields(resource.Bytes)).Where(field => field.Number == 2))
        {
            var fields = Fields(scopeSpans.Bytes).ToList();
            var scope = fields.Where(field => field.Number == 1).SelectMany(field => Fields(field.Bytes)).First(field => field.Number == 1).Text;
            foreach (var span in fields.Where(field => field.Number == 2))
            {
                yield return Span(scope, Fields(span.Bytes).ToList());
            }
        }
    }

    private static ReceivedSpan Span(string scope, List<Field> fields)
    {
        return new ReceivedSpan(
            Hex(fields, 1),
            Hex(fields, 2),
            Hex(fields, 4),
            scope,
            fields.First(field => field.Number == 5).Text,
            (int)fields.First(field => field.Number == 6).Value,
            Of(15).SelectMany(status => status).Any(field => field is { Number: 3, Value: 2 }),
            Of(9).ToDictionary(pair => pair.First(field => field.Number == 1).Text, pair => pair.Where(field => field.Number == 2).Select(field => Any(field.Bytes)).FirstOrDefault()),
            [.. Of(13).Select(link => (Hex(link, 1), Hex(link, 2)))]);

        IEnumerable<List<Field>> Of(int number) => fields.Where(field => field.Number == number).Select(field => Fields(field.Bytes).ToList());
    }

    private static string Hex(List<Field> fields, int number) => Convert.ToHexStringLower(fields.FirstOrDefault(field => field.Number == number).Bytes ?? []);

    private static object? Any(byte[] value) => Fields(value).Select(field => field.Number switch
    {
        1 => field.Text,
        2 => field.Value == 1,
        3 => field.Value,
        5 => Fields(field.Bytes).Select(item => (string?)Any(item.Bytes)).ToArray(),
        _ => (object?)null,
    }).FirstOrDefault();

    private static IEnumerable<Field> Fields(byte[] message)
    {
        for (var at = 0; at < message.Length;)
        {
            var tag = Varint(message, ref at);
            var (number, kind) = ((int)(tag >> 3), (int)(tag & 7));
            switch (kind)
            {
                case 0:
                    yield return new Field(number, (long)Varint(message, ref at), []);
                    break;
                case 2:
                    var length = (int)Varint(message, ref at);
                    yield return new Field(number, 0, message[at..(at + length)]);
                    at += length;
                    break;
                default:
                    at += kind == 1 ? 8 : 4;
                    break;
            }
        }
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var next = message[at++];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }

    private readonly record struct Field(int Number, long Value, byte[] Bytes)
    {
        public string Text => Encoding.UTF8.GetString(Bytes);
    }
}
