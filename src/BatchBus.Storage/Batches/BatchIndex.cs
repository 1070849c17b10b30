using BatchBus.Contracts;
using StackExchange.Redis;

namespace BatchBus.Storage.Batches;

/// <summary>
/// The batches of each workspace, newest first: a sorted set of public ids, which sort by the time of their creation. An entry is
/// made before its batch is committed and may outlive a deletion that broke off, so readers leave out what has no record.
/// </summary>
internal sealed class BatchIndex(IConnectionMultiplexer redis)
{
    private IDatabase Database => redis.GetDatabase();

    public Task AddAsync(string workspace, Guid batchId) => Database.SortedSetAddAsync(Key(workspace), BatchId.Format(batchId), 0);

    public Task RemoveAsync(string workspace, Guid batchId) => Database.SortedSetRemoveAsync(Key(workspace), BatchId.Format(batchId));

    /// <summary>Ids strictly between two others, in either direction.</summary>
    /// <param name="workspace">The workspace.</param>
    /// <param name="olderThan">Upper end; null for none.</param>
    /// <param name="newerThan">Lower end; null for none.</param>
    /// <param name="newestFirst">From which end to take.</param>
    /// <param name="most">How many to take.</param>
    public async Task<IReadOnlyList<Guid>> ReadAsync(string workspace, Guid? olderThan, Guid? newerThan, bool newestFirst, int most)
    {
        var ids = await Database.SortedSetRangeByValueAsync(
            Key(workspace),
            newerThan is { } low ? BatchId.Format(low) : default(RedisValue),
            olderThan is { } high ? BatchId.Format(high) : default(RedisValue),
            Exclude.Both,
            newestFirst ? Order.Descending : Order.Ascending,
            take: most);
        return [.. ids.Select(id => BatchId.TryParse(id, out var batchId) ? batchId : throw new InvalidDataException($"The index holds '{id}', which is no batch id."))];
    }

    private static RedisKey Key(string workspace) => $"batchbus:workspace:{workspace}";
}
