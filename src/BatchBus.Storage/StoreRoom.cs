namespace BatchBus.Storage;

/// <summary>
/// Whether the store has room for another batch. A Redis server refuses by itself once its memory is full (<c>noeviction</c>); a store
/// in this process has to be asked, before the process has no memory left.
/// </summary>
/// <param name="most">Bytes of this process's managed memory beyond which there is none; null where the store is a server.</param>
/// <param name="time">The clock.</param>
public sealed class StoreRoom(long? most, TimeProvider time)
{
    /// <summary>How long the answer of a full collection holds, which takes a second or so where there is much.</summary>
    private static readonly TimeSpan CollectionInterval = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private long? _collectedAt;
    private bool _isFull;

    /// <summary>Why there is none, and what to do; null where there is.</summary>
    public string? Problem
    {
        get
        {
            if (most is null || GC.GetTotalMemory(forceFullCollection: false) <= most)
            {
                return null;
            }

            lock (_lock)
            {
                // Most may be what nobody needs any more.
                if (_collectedAt is not { } at || time.GetElapsedTime(at) > CollectionInterval)
                {
                    _isFull = GC.GetTotalMemory(forceFullCollection: true) > most;
                    _collectedAt = time.GetTimestamp();
                }

                return _isFull
                    ? $"The embedded store is full: it keeps batches in memory, of which more than {most / 1_000_000} MB are in use (BatchBus__MaxMemoryMb). "
                        + "Wait until batches end, delete those that are no longer needed, or use a Redis server (ConnectionStrings__Redis)."
                    : null;
            }
        }
    }
}
