using BatchBus.Contracts;

namespace BatchBus.Storage.Results;

/// <summary>Codec of one block: results of consecutive positions of one lane.</summary>
internal static class ResultBlock
{
    public static byte[] Pack(PayloadWriter writer, IEnumerable<StoredResult> results)
    {
        writer.Clear();
        foreach (var result in results)
        {
            writer.Number(result.Index);
            writer.Text(result.CustomId);
            writer.Number((int)result.Outcome);
            writer.Number(result.InputTokens);
            writer.Number(result.CachedTokens);
            writer.Number(result.OutputTokens);
            writer.Number(result.GpuMicroseconds);
            writer.Bytes(result.Line.Span);
        }

        return Payload.Pack(writer.Written);
    }

    public static List<StoredResult> Read(ReadOnlyMemory<byte> packed)
    {
        var results = new List<StoredResult>();
        var reader = new PayloadReader(Payload.Unpack(packed));
        while (!reader.AtEnd)
        {
            results.Add(new StoredResult(
                reader.Int(), reader.Text(), (RequestOutcome)reader.Int(), reader.Int(), reader.Int(), reader.Int(), reader.Number(), reader.Bytes()));
        }

        return results;
    }

    /// <summary>Reads no more than the lines' places in the batch and the lines themselves, from content that is already unpacked.</summary>
    public static List<(int Index, ReadOnlyMemory<byte> Line)> ReadLines(ReadOnlyMemory<byte> content)
    {
        var lines = new List<(int, ReadOnlyMemory<byte>)>(ResultStore.MaxBlock);
        var reader = new PayloadReader(content);
        while (!reader.AtEnd)
        {
            var index = reader.Int();
            _ = reader.Bytes(); // the name
            for (var number = 0; number < 5; number++)
            {
                _ = reader.Number(); // outcome, tokens, time
            }

            lines.Add((index, reader.Bytes()));
        }

        return lines;
    }
}
