using System.Globalization;
using BatchBus.Contracts;
using StackExchange.Redis;

namespace BatchBus.Storage.Results;

/// <summary>Which requests of a lane have a result: fields of its results, each for as many requests in a row, one character per request.</summary>
internal static class Outcomes
{
    /// <summary>Requests per field; the scripts know it too.</summary>
    private const int FieldLength = 32;

    private const byte None = (byte)'.';
    private const byte Succeeded = (byte)'s';

    /// <summary>Per request of a range, whether it has a result.</summary>
    /// <param name="outcomes">One character per request of the range.</param>
    public static bool[] Finished(ReadOnlySpan<byte> outcomes)
    {
        var finished = new bool[outcomes.Length];
        for (var i = 0; i < outcomes.Length; i++)
        {
            finished[i] = outcomes[i] != None;
        }

        return finished;
    }

    /// <summary>What a character stands for.</summary>
    public static RequestOutcome? Of(byte outcome) => outcome switch
    {
        (byte)'s' => RequestOutcome.Succeeded,
        (byte)'e' => RequestOutcome.Errored,
        _ => null,
    };

    /// <summary>The fields that cover a range.</summary>
    public static RedisValue[] Fields(int from, int count)
    {
        var first = from / FieldLength;
        return [.. Enumerable.Range(first, ((from + count - 1) / FieldLength) - first + 1)
            .Select(field => (RedisValue)string.Create(CultureInfo.InvariantCulture, $"o{field * FieldLength}"))];
    }

    /// <summary>Per request of a range, whether it has a result.</summary>
    /// <param name="fields">The values of <see cref="Fields"/>.</param>
    /// <param name="from">First position of the range.</param>
    /// <param name="count">Its length.</param>
    public static bool[] Finished(RedisValue[] fields, int from, int count) => Finished(Range(fields, from, count));

    /// <summary>One character per request of a range: <c>s</c> or <c>e</c>, something else where it has no result.</summary>
    /// <inheritdoc cref="Finished(RedisValue[], int, int)"/>
    public static byte[] Range(RedisValue[] fields, int from, int count)
    {
        var outcomes = new byte[fields.Length * FieldLength];
        outcomes.AsSpan().Fill(None);
        for (var i = 0; i < fields.Length; i++)
        {
            ((byte[]?)fields[i])?.CopyTo(outcomes, i * FieldLength);
        }

        return outcomes.AsSpan(from % FieldLength, count).ToArray();
    }
}
