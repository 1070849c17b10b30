using System.Text;
using BatchBus.Storage.Batches;
using StackExchange.Redis;

namespace BatchBus.Storage.Requests;

/// <summary>Reads stored requests back, by their position in a lane.</summary>
public sealed class RequestStore(IConnectionMultiplexer redis)
{
    /// <summary>Reads a range of a lane; shorter than asked for only where the lane is.</summary>
    /// <param name="batchId">The batch.</param>
    /// <param name="lane">The lane.</param>
    /// <param name="from">Position of the first request.</param>
    /// <param name="count">Number of requests.</param>
    public async Task<IReadOnlyList<StoredRequest>> ReadAsync(Guid batchId, int lane, int from, int count)
    {
        var start = from - (from % RequestChunk.MaxRequests);
        var fields = new RedisValue[from + count - start];
        for (var i = 0; i < fields.Length; i++)
        {
            fields[i] = start + i;
        }

        var chunks = await redis.GetDatabase().HashGetAsync(new BatchKeys(batchId).Requests(lane), fields);
        var requests = new List<StoredRequest>(count);
        for (var i = 0; i < chunks.Length; i++)
        {
            if (chunks[i].IsNull)
            {
                continue;
            }

            var position = start + i;
            foreach (var request in RequestChunk.Read((byte[])chunks[i]!))
            {
                if (position >= from && position < from + count)
                {
                    requests.Add(request);
                }

                position++;
            }
        }

        return requests;
    }

    /// <summary>
    /// Finds a request by its name; null where the batch has none of that name, or no requests any more. No index of names is kept, which
    /// every create would pay for: this goes through the stored requests, a few chunks at a time, until it is found. A batch of 100,000
    /// requests of 1.5 KB takes about a second.
    /// </summary>
    public async Task<LocatedRequest?> FindAsync(BatchRecord record, string customId, CancellationToken cancellationToken)
    {
        var name = Encoding.UTF8.GetBytes(customId);
        foreach (var lane in record.Lanes)
        {
            await foreach (var (start, content) in BlockStream.ReadAsync(redis.GetDatabase(), new BatchKeys(record.BatchId).Requests(lane.Number), 0, lane.Count))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (RequestChunk.Find(content, name) is { } found)
                {
                    return new LocatedRequest(lane, start + found.Offset, found.Request);
                }
            }
        }

        return null;
    }

    /// <summary>Reads requests of a lane one by one, in order.</summary>
    internal RequestCursor Follow(Guid batchId, Lane lane)
        => new(redis.GetDatabase(), new BatchKeys(batchId).Requests(lane.Number), lane.Count);
}
