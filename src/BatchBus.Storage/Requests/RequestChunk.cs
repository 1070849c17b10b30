using System.Text;

namespace BatchBus.Storage.Requests;

/// <summary>
/// Codec of one storage chunk: consecutive requests of one lane. A chunk begins anywhere but never crosses a multiple of
/// <see cref="MaxRequests"/>, so a reader finds the chunks of a range by asking for every position in its aligned surroundings.
/// </summary>
internal static class RequestChunk
{
    public const int MaxRequests = 32;

    /// <summary>A chunk is written out once it holds this many bytes, unless a single request is larger.</summary>
    public const int MaxBytes = 1 << 20;

    public static void Append(PayloadWriter writer, in StoredRequest request)
    {
        AppendHead(writer, request);
        writer.Bytes(request.Parameters.Span);
    }

    /// <summary>Writes what stands before the parameters' length.</summary>
    public static void AppendHead(PayloadWriter writer, in StoredRequest request)
    {
        writer.Number(request.Index);
        writer.Number(request.Rule);
        writer.Text(request.CustomId);
        writer.Text(request.Failure);
    }

    /// <summary>Looks for a request by its name without keeping any; the request that is returned comes without its parameters.</summary>
    /// <param name="content">The chunk, unpacked.</param>
    /// <param name="customId">The name, UTF-8.</param>
    public static (int Offset, StoredRequest Request)? Find(ReadOnlyMemory<byte> content, ReadOnlySpan<byte> customId)
    {
        var reader = new PayloadReader(content);
        for (var offset = 0; !reader.AtEnd; offset++)
        {
            var index = reader.Int();
            var rule = (byte)reader.Number(byte.MaxValue);
            var name = reader.Bytes();
            var failure = reader.Bytes();
            _ = reader.Bytes(); // the parameters
            if (name.Span.SequenceEqual(customId))
            {
                return (offset, new StoredRequest(index, Encoding.UTF8.GetString(customId), rule, Encoding.UTF8.GetString(failure.Span), default));
            }
        }

        return null;
    }

    public static List<StoredRequest> Read(ReadOnlyMemory<byte> packed) => ReadContent(Payload.Unpack(packed));

    public static List<StoredRequest> ReadContent(ReadOnlyMemory<byte> content)
    {
        var requests = new List<StoredRequest>(MaxRequests);
        var reader = new PayloadReader(content);
        while (!reader.AtEnd)
        {
            var index = reader.Int();
            var rule = (byte)reader.Number(byte.MaxValue);
            requests.Add(new StoredRequest(index, reader.Text(), rule, reader.Text(), reader.Bytes()));
        }

        return requests;
    }
}
