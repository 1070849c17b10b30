using StackExchange.Redis;

namespace BatchBus.Host.Embedded;

/// <summary>Copies every key from one store to another, while nobody else uses either.</summary>
internal static class StoreCopy
{
    private const int KeysAtOnce = 1_000;

    /// <summary>Characters and bytes of one command; fields may be larger, one by one.</summary>
    private const int CommandSize = 1 << 20;

    /// <exception cref="InvalidOperationException">A key is of a type that the product does not use, or the copy is not complete.</exception>
    public static async Task RunAsync(string from, string to)
    {
        await using var source = await ConnectAsync(from);
        await using var target = await ConnectAsync(to);
        var copied = 0;
        await foreach (var key in source.GetServers()[0].KeysAsync(pageSize: KeysAtOnce))
        {
            await CopyAsync(source.GetDatabase(), target.GetDatabase(), key);
            copied++;
        }

        // Keys may expire meanwhile; more can only be there by mistake.
        var there = await target.GetServers()[0].DatabaseSizeAsync();
        var expected = await source.GetServers()[0].DatabaseSizeAsync();
        if (there < expected || there > copied)
        {
            throw new InvalidOperationException($"Of {expected} keys {there} were copied.");
        }
    }

    private static async Task CopyAsync(IDatabase source, IDatabase target, RedisKey key)
    {
        switch (await source.KeyTypeAsync(key))
        {
            case RedisType.String:
                await target.StringSetAsync(key, await source.StringGetAsync(key));
                break;
            case RedisType.Hash:
                foreach (var part in Parts(await source.HashGetAllAsync(key), entry => entry.Name.Length() + entry.Value.Length()))
                {
                    await target.HashSetAsync(key, part);
                }

                break;
            case RedisType.SortedSet:
                foreach (var part in Parts(await source.SortedSetRangeByRankWithScoresAsync(key), entry => entry.Element.Length()))
                {
                    await target.SortedSetAddAsync(key, part);
                }

                break;
            case RedisType.None:
                return;
            case var type:
                throw new InvalidOperationException($"{key} is a {type}, which BatchBus has no use for.");
        }

        if (await source.KeyExpireTimeAsync(key) is { } expiry)
        {
            await target.KeyExpireAsync(key, expiry);
        }
    }

    private static IEnumerable<T[]> Parts<T>(IEnumerable<T> entries, Func<T, long> sizeOf)
    {
        var part = new List<T>();
        var size = 0L;
        foreach (var entry in entries)
        {
            if (part.Count > 0 && size + sizeOf(entry) > CommandSize)
            {
                yield return [.. part];
                part.Clear();
                size = 0;
            }

            part.Add(entry);
            size += sizeOf(entry) + 1;
        }

        if (part.Count > 0)
        {
            yield return [.. part];
        }
    }

    private static async Task<ConnectionMultiplexer> ConnectAsync(string address)
    {
        var options = ConfigurationOptions.Parse(address);
        (options.SyncTimeout, options.AsyncTimeout) = (60_000, 60_000);
        return await ConnectionMultiplexer.ConnectAsync(options);
    }
}
