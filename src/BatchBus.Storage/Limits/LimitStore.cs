using System.Globalization;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using StackExchange.Redis;

namespace BatchBus.Storage.Limits;

/// <summary>What is counted for the limits of API keys; shared by every process.</summary>
public sealed class LimitStore(IConnectionMultiplexer redis, BatchStore batches, TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>From when on an entry whose batch is not there belongs to a create that died.</summary>
    private static readonly TimeSpan CommitPatience = TimeSpan.FromMinutes(1);

    private static readonly Script Count = Script.Load("count_call");
    private static readonly Script Add = Script.Load("add_waiting");

    private IDatabase Database => redis.GetDatabase();

    /// <summary>Counts a call.</summary>
    /// <param name="key">Id of the API key.</param>
    /// <param name="perMinute">Most calls in one minute.</param>
    /// <returns>Null when it is within the limit, otherwise how long until the next is.</returns>
    public async Task<TimeSpan?> CountCallAsync(string key, int perMinute)
    {
        var left = (long)await Count.RunAsync(Database, [$"batchbus:calls:{key}"], [perMinute, (long)Window.TotalMilliseconds]);
        return left > 0 ? TimeSpan.FromMilliseconds(left) : null;
    }

    /// <summary>Adds a batch that is about to be committed to what waits in its workspace, if there is room.</summary>
    /// <param name="workspace">The workspace.</param>
    /// <param name="batchId">The batch.</param>
    /// <param name="requests">Its requests.</param>
    /// <param name="most">Most requests that may wait.</param>
    /// <returns>Null when it was added, otherwise the requests that wait already.</returns>
    public async Task<long?> AddWaitingAsync(string workspace, Guid batchId, int requests, long most)
    {
        if (await TryAddAsync() is null)
        {
            return null;
        }

        // What has ended is only looked for when it matters.
        await ForgetEndedAsync(workspace);
        return await TryAddAsync();

        async Task<long?> TryAddAsync()
        {
            var waiting = (long)await Add.RunAsync(Database, [WaitingKey(workspace)], [BatchId.Format(batchId), requests, most]);
            return waiting < 0 ? null : waiting;
        }
    }

    /// <summary>Takes a batch that came to nothing out of what waits.</summary>
    public Task RemoveWaitingAsync(string workspace, Guid batchId) => Database.HashDeleteAsync(WaitingKey(workspace), BatchId.Format(batchId));

    private static RedisKey WaitingKey(string workspace) => $"batchbus:waiting:{workspace}";

    private async Task ForgetEndedAsync(string workspace)
    {
        var entries = await Database.HashGetAllAsync(WaitingKey(workspace));
        await Task.WhenAll(entries.Select(async entry =>
        {
            var record = BatchId.TryParse(entry.Name, out var batchId) ? await batches.FindAsync(batchId) : null;
            if (record is null ? IsOld(entry.Value!) : record.ClosedAt is not null)
            {
                await Database.HashDeleteAsync(WaitingKey(workspace), entry.Name);
            }
        }));
    }

    private bool IsOld(string entry)
        => time.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(entry.Split('|')[1], CultureInfo.InvariantCulture)) > CommitPatience;
}
