using StackExchange.Redis;

namespace BatchBus.Storage;

/// <summary>Streams the values of a hash whose fields are positions, however large they are.</summary>
internal static class BlockStream
{
    /// <summary>Positions that are looked at in one call.</summary>
    private const int Window = 256;

    /// <summary>Bytes after which a call returns.</summary>
    private const int WindowBytes = 256 << 10;

    /// <summary>Larger values are fetched by themselves, into memory of the pool; smaller ones stay clear of the large object heap.</summary>
    private const int MaxBytesWithin = 64 << 10;

    private static readonly Script Read = Script.Load("read_blocks");

    /// <summary>
    /// The values that are there, in ascending order of their positions, unpacked. A content is valid until the next is asked for. Reads
    /// ahead by one call.
    /// </summary>
    /// <param name="database">The database.</param>
    /// <param name="key">The hash.</param>
    /// <param name="from">The first position.</param>
    /// <param name="end">Where positions end.</param>
    public static async IAsyncEnumerable<(int Position, ReadOnlyMemory<byte> Content)> ReadAsync(IDatabase database, RedisKey key, int from, int end)
    {
        byte[] buffer = [];
        try
        {
            var ahead = NextAsync(from);
            while (from < end)
            {
                var blocks = await ahead;
                from = (int)blocks[0];
                if (from < end)
                {
                    ahead = NextAsync(from);
                }

                for (var i = 1; i < blocks.Length; i += 2)
                {
                    using var large = blocks[i + 1].IsNull ? await database.HashGetLeaseAsync(key, (int)blocks[i]) : null;
                    ReadOnlyMemory<byte>? packed = large?.Memory ?? (byte[]?)blocks[i + 1];
                    if (packed is not null)
                    {
                        yield return ((int)blocks[i], Payload.UnpackInto(ref buffer, packed.Value));
                    }
                }
            }
        }
        finally
        {
            Buffers.Return(buffer);
        }

        async Task<RedisResult[]> NextAsync(int first) => (RedisResult[])(await Read.RunAsync(
            database, [key], [first, Math.Min(first + Window, end) - 1, WindowBytes, MaxBytesWithin]))!;
    }
}
