using BatchBus.Storage.Batches;
using StackExchange.Redis;

namespace BatchBus.Storage.Requests;

/// <summary>
/// One create while its body is still arriving: requests are written out in chunks as they come, and nothing of it counts until
/// <see cref="BatchStore.CommitAsync"/>. An upload that is neither committed nor abandoned lapses: the sweeper removes what it left.
/// Not safe for use by several threads at once.
/// </summary>
public sealed class BatchUpload
{
    /// <summary>Chunk writes that may be under way at once, so that a slow store slows the create down.</summary>
    private const int MaxWritesUnderWay = 4;

    /// <summary>Bytes that may be under way at once, before compression, unless a single chunk is larger.</summary>
    private const int MaxBytesUnderWay = 4 << 20;

    private readonly IDatabase _database;
    private readonly BatchKeys _keys;
    private readonly Dictionary<LaneKey, LaneBuffer> _lanes = [];
    private readonly Queue<(Task Write, int Bytes)> _writes = new();
    private int _bytesUnderWay;

    internal BatchUpload(IDatabase database, Guid batchId)
    {
        _database = database;
        _keys = new BatchKeys(batchId);
        BatchId = batchId;
    }

    /// <summary>The id that the batch will have.</summary>
    public Guid BatchId { get; }

    /// <summary>Number of requests so far.</summary>
    public int Count { get; private set; }

    /// <summary>
    /// Adds the next request to the lane of its routing. <paramref name="model"/> is null where it can be routed nowhere
    /// (<see cref="StoredRequest.Failure"/> then says why); <paramref name="yieldsToStage"/> where a stage of the whole batch, which
    /// may come after the requests in the body, would overrule that.
    /// </summary>
    public async ValueTask AddAsync(string? model, bool yieldsToStage, StoredRequest request)
    {
        var key = new LaneKey(model, yieldsToStage);
        if (!_lanes.TryGetValue(key, out var lane))
        {
            lane = new LaneBuffer(_lanes.Count);
            _lanes.Add(key, lane);
        }

        if (lane.Writer.Length > 0 && lane.Writer.Length + request.Parameters.Length > RequestChunk.MaxBytes)
        {
            await WriteOutAsync(lane);
        }

        if (request.Parameters.Length >= RequestChunk.MaxBytes)
        {
            await WriteLargeAsync(lane, request);
        }
        else
        {
            RequestChunk.Append(lane.Writer, request);
        }

        lane.Count++;
        lane.Bytes += request.Parameters.Length;
        Count++;
        if (lane.Writer.Length == 0)
        {
            lane.ChunkStart = lane.Count;
        }
        else if (lane.Count % RequestChunk.MaxRequests == 0 || lane.Writer.Length >= RequestChunk.MaxBytes)
        {
            await WriteOutAsync(lane);
        }
    }

    /// <summary>Writes out what is buffered and returns once the store has every chunk.</summary>
    /// <param name="stageModel">The model of the stage of the whole batch, if it has one.</param>
    /// <returns>The lanes in their final form.</returns>
    internal async Task<IReadOnlyList<Lane>> FinishAsync(string? stageModel)
    {
        foreach (var lane in _lanes.Values.Where(lane => lane.Writer.Length > 0))
        {
            await WriteOutAsync(lane);
        }

        await SettleAsync(maxUnderWay: 0, maxBytes: 0);
        return [.. _lanes.OrderBy(lane => lane.Value.Number).Select(lane => new Lane
        {
            Number = lane.Value.Number,
            Model = lane.Key.YieldsToStage && stageModel is not null ? stageModel : lane.Key.Model,
            StageRouted = lane.Key.YieldsToStage && stageModel is not null,
            Count = lane.Value.Count,
            Bytes = lane.Value.Bytes,
        })];
    }

    /// <summary>Waits for the writes that are under way, whatever comes of them, so that a deletion comes after them.</summary>
    internal async Task DrainAsync() => await Task.WhenAll(_writes.Select(write => write.Write)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task WriteOutAsync(LaneBuffer lane)
    {
        var (key, content, start) = (_keys.Requests(lane.Number), lane.Writer, lane.ChunkStart);
        (lane.Writer, lane.ChunkStart) = (new PayloadWriter(), lane.Count);

        // Elsewhere, so that the body is read on while this is compressed.
        await BeginAsync(content.Length, () => Task.Run(() =>
        {
            var packed = Buffers.Rent(Payload.MaxLength(content.Length));
            var length = Payload.Pack(content.Written, packed);
            content.Dispose();
            return WriteAsync(key, start, packed, length);
        }));
    }

    /// <summary>Makes a chunk of a single request, from where it lies: a copy would cost as much memory again.</summary>
    private async Task WriteLargeAsync(LaneBuffer lane, StoredRequest request)
    {
        using var head = new PayloadWriter();
        RequestChunk.AppendHead(head, request);
        head.Number(request.Parameters.Length);
        await BeginAsync(request.Parameters.Length, () =>
        {
            var packed = Buffers.Rent(Payload.MaxLength(head.Length + request.Parameters.Length));
            return WriteAsync(_keys.Requests(lane.Number), lane.Count, packed, Payload.Pack(head.Written, request.Parameters.Span, packed));
        });
    }

    private async Task WriteAsync(RedisKey requests, int start, byte[] packed, int length)
    {
        Task<bool> WriteAsync() => _database.HashSetAsync(requests, start, packed.AsMemory(0, length));
        await (Failpoint.Armed is { } failpoint ? failpoint.AroundAsync("write:chunk", WriteAsync) : WriteAsync());

        // Not after a failure: the write may then still be waiting to be sent.
        Buffers.Return(packed);
    }

    private async Task BeginAsync(int bytes, Func<Task> write)
    {
        await SettleAsync(MaxWritesUnderWay - 1, MaxBytesUnderWay - bytes);
        _writes.Enqueue((write(), bytes));
        _bytesUnderWay += bytes;
    }

    /// <summary>A write that failed stays in front, so that an upload with a gap can never be committed.</summary>
    private async Task SettleAsync(int maxUnderWay, int maxBytes)
    {
        while (_writes.Count > 0 && (_writes.Count > maxUnderWay || _bytesUnderWay > maxBytes))
        {
            await _writes.Peek().Write;
            _bytesUnderWay -= _writes.Dequeue().Bytes;
        }
    }

    private readonly record struct LaneKey(string? Model, bool YieldsToStage);

    private sealed class LaneBuffer(int number)
    {
        public int Number { get; } = number;

        public PayloadWriter Writer { get; set; } = new();

        public int ChunkStart { get; set; }

        public int Count { get; set; }

        public long Bytes { get; set; }
    }
}
