using BatchBus.Contracts;
using StackExchange.Redis;

namespace BatchBus.Storage;

/// <summary>
/// The Redis keys of one batch. All carry the batch's public id as their hash tag, so that they lie in one cluster slot and scripts
/// may join them.
/// </summary>
public readonly struct BatchKeys(Guid batchId)
{
    /// <summary>Most lanes that a batch may have; deletion relies on it to find every key without a listing.</summary>
    public const int MaxLanes = 64;

    private readonly string _prefix = $"batchbus:{{{BatchId.Format(batchId)}}}:";

    /// <summary>Hash: what the batch is, its counts, whether it is canceled or closed.</summary>
    public RedisKey Record => _prefix + "record";

    /// <summary>Hash: page → who may execute it, until when.</summary>
    public RedisKey Pages => _prefix + "pages";

    /// <summary>Hash: the saga's document and version.</summary>
    public RedisKey Saga => _prefix + "saga";

    /// <summary>Hash: first position → chunk of stored requests.</summary>
    public RedisKey Requests(int lane) => $"{_prefix}requests:{lane}";

    /// <summary>Hash: first position → block of stored results; which requests have one; and what they come to.</summary>
    public RedisKey Results(int lane) => $"{_prefix}results:{lane}";

    /// <summary>Every key that the batch may have.</summary>
    internal RedisKey[] All()
    {
        var keys = new List<RedisKey>(3 + (2 * MaxLanes)) { Record, Pages, Saga };
        for (var lane = 0; lane < MaxLanes; lane++)
        {
            keys.AddRange([Requests(lane), Results(lane)]);
        }

        return [.. keys];
    }
}
