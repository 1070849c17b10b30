using BatchBus.Contracts;
using StackExchange.Redis;

namespace BatchBus.Storage.Schedule;

/// <summary>
/// When each batch wants the sweeper's next visit: one sorted set, durable, one entry per batch that time has still something to do
/// with. What a visit does follows from the batch's state alone, so an entry carries nothing but its due time.
/// </summary>
public sealed class BatchSchedule(IConnectionMultiplexer redis, TimeProvider time)
{
    /// <summary>How often a batch is visited that is being executed.</summary>
    public static readonly TimeSpan ActiveInterval = TimeSpan.FromSeconds(1);

    /// <summary>No open batch waits longer for its next visit, unless the clock was set back.</summary>
    private static readonly TimeSpan LongestActiveInterval = TimeSpan.FromSeconds(15);

    private static readonly RedisKey Key = "batchbus:schedule";
    private static readonly Script Claim = Script.Load("claim_due");

    private IDatabase Database => redis.GetDatabase();

    /// <summary>Sets the next visit of a batch.</summary>
    public Task SetAsync(Guid batchId, TimeSpan delay)
    {
        return Failpoint.Armed is { } failpoint ? failpoint.AroundAsync("write:schedule", WriteAsync) : WriteAsync();

        Task<bool> WriteAsync() => Database.SortedSetAddAsync(Key, BatchId.Format(batchId), (time.GetUtcNow() + delay).ToUnixTimeMilliseconds());
    }

    /// <summary>Ends the visits of a batch.</summary>
    public Task RemoveAsync(Guid batchId) => Database.SortedSetRemoveAsync(Key, BatchId.Format(batchId));

    /// <summary>Takes batches that are due; whoever takes one has <paramref name="patience"/> to visit it before it is due again.</summary>
    public async Task<IReadOnlyList<Guid>> ClaimAsync(int most, TimeSpan patience)
    {
        var now = time.GetUtcNow();
        var due = (RedisValue[]?)await Claim.RunAsync(
            Database, [Key], [now.ToUnixTimeMilliseconds(), (now + patience).ToUnixTimeMilliseconds(), most]);
        return [.. due!.Select(id => BatchId.TryParse(id, out var batchId) ? batchId : throw new InvalidDataException($"The schedule holds '{id}', which is no batch id."))];
    }

    /// <summary>The batches that are visited all the time: every one that is open, and a few uploads and ended ones.</summary>
    public async Task<IReadOnlyList<Guid>> ActiveAsync()
    {
        var ids = await Database.SortedSetRangeByScoreAsync(Key, stop: (time.GetUtcNow() + LongestActiveInterval).ToUnixTimeMilliseconds());
        return [.. ids.Select(id => BatchId.TryParse(id, out var batchId) ? batchId : throw new InvalidDataException($"The schedule holds '{id}', which is no batch id."))];
    }

    /// <summary>Every batch of the schedule.</summary>
    public async Task<IReadOnlyList<Guid>> AllAsync()
    {
        var batches = new List<Guid>();
        await foreach (var entry in Database.SortedSetScanAsync(Key))
        {
            if (BatchId.TryParse(entry.Element, out var batchId))
            {
                batches.Add(batchId);
            }
        }

        return batches;
    }
}
