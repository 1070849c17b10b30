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
            writer.Number(result.ExecutionMilliseconds);
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
}
