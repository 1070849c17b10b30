using StackExchange.Redis;

namespace BatchBus.Storage.Requests;

/// <summary>Reads requests of a lane in ascending order of their positions, some left out; holds a chunk at a time.</summary>
internal sealed class RequestCursor(IDatabase database, RedisKey key, int count) : IAsyncDisposable
{
    private IAsyncEnumerator<(int Position, ReadOnlyMemory<byte> Content)>? _chunks;
    private List<StoredRequest> _chunk = [];
    private int _start;

    /// <summary>The request at a position, valid until the next is read; null when it is no longer kept.</summary>
    /// <param name="position">The position, larger than at the last call.</param>
    public async ValueTask<StoredRequest?> ReadAsync(int position)
    {
        var aligned = position - (position % RequestChunk.MaxRequests);
        if (_chunks is null || _start + _chunk.Count < aligned)
        {
            await DisposeAsync();
            _chunks = BlockStream.ReadAsync(database, key, aligned, count).GetAsyncEnumerator();
        }

        while (position >= _start + _chunk.Count)
        {
            if (!await _chunks.MoveNextAsync())
            {
                return null;
            }

            (_start, _chunk) = (_chunks.Current.Position, RequestChunk.ReadContent(_chunks.Current.Content));
        }

        return position >= _start ? _chunk[position - _start] : null;
    }

    public ValueTask DisposeAsync() => _chunks?.DisposeAsync() ?? ValueTask.CompletedTask;
}
