using System.Net;
using System.Net.Http.Headers;

namespace BatchBus.Inference.Calls;

/// <summary>
/// The body of a call that is made only if it still may be at the moment at which it is written to its connection: finding or opening that
/// takes a while, and a process may be frozen meanwhile and wake up when somebody else has long been given the request.
/// </summary>
internal sealed class CallBody : HttpContent
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");

    private readonly ReadOnlyMemory<byte> _json;
    private readonly Func<bool>? _mayBegin;

    public CallBody(ReadOnlyMemory<byte> json, Func<bool>? mayBegin)
    {
        (_json, _mayBegin) = (json, mayBegin);
        Headers.ContentType = Json;
    }

    /// <summary>Whether it came too late, and nothing was sent.</summary>
    public bool IsWithdrawn { get; private set; }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        if (_mayBegin is { } mayBegin && !mayBegin())
        {
            IsWithdrawn = true;
            throw new OperationCanceledException();
        }

        return stream.WriteAsync(_json, cancellationToken).AsTask();
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _json.Length;
        return true;
    }
}
