using System.Runtime.CompilerServices;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using StackExchange.Redis;

namespace BatchBus.Storage.Results;

/// <summary>Stores results with their counts, and reads them back.</summary>
public sealed class ResultStore(IConnectionMultiplexer redis, RequestStore requests)
{
    /// <summary>Positions that are read at once; also the most that one block covers.</summary>
    public const int MaxBlock = 32;

    /// <summary>A block takes no further result beyond so many bytes of lines: who reads it holds it whole.</summary>
    private const int MaxBlockBytes = 1 << 20;

    private const int OutcomesAtOnce = 4096;

    private static readonly Script Compact = Script.Load("compact_results");
    private static readonly Script Store = Script.Load("store_results");

    private IDatabase Database => redis.GetDatabase();

    /// <summary>
    /// Stores results of one lane and counts them, all or none. Where any of the requests already has a result, nothing is stored:
    /// the caller leaves out what <see cref="FinishedAsync"/> names and tries again.
    /// </summary>
    /// <param name="page">The page that the requests belong to.</param>
    /// <param name="owner">The worker's own id, as it leased the page. Once the page is leased to another, nothing is stored.</param>
    /// <param name="results">Results with their positions in the lane, in ascending order.</param>
    public async Task<StoreStatus> StoreAsync(Page page, string owner, IReadOnlyList<(int Position, StoredResult Result)> results)
    {
        var keys = new BatchKeys(page.BatchId);
        var arguments = new List<RedisValue>(11)
        {
            page.Name,
            owner,
            results.Count(entry => entry.Result.Outcome is RequestOutcome.Succeeded),
            results.Count(entry => entry.Result.Outcome is RequestOutcome.Errored),
            results.Sum(entry => (long)entry.Result.InputTokens),
            results.Sum(entry => (long)entry.Result.CachedTokens),
            results.Sum(entry => (long)entry.Result.OutputTokens),
            results.Sum(entry => entry.Result.GpuMicroseconds),
        };
        using var writer = new PayloadWriter();
        for (var start = 0; start < results.Count;)
        {
            var end = start + 1;
            var bytes = results[start].Result.Line.Length;
            while (end < results.Count && end - start < MaxBlock && bytes < MaxBlockBytes && results[end].Position == results[end - 1].Position + 1)
            {
                bytes += results[end++].Result.Line.Length;
            }

            var run = results.Skip(start).Take(end - start).Select(entry => entry.Result).ToList();
            arguments.Add(results[start].Position);
            arguments.Add(string.Concat(run.Select(result => result.Outcome is RequestOutcome.Succeeded ? 's' : 'e')));
            arguments.Add(ResultBlock.Pack(writer, run));
            start = end;
        }

        var answer = await Store.RunAsync(Database, [keys.Record, keys.Results(page.Lane), keys.Pages], [.. arguments]);
        return (string?)answer switch
        {
            "stored" => StoreStatus.Stored,
            "taken" => StoreStatus.Taken,
            "lost" => StoreStatus.Lost,
            "closed" => StoreStatus.Closed,
            "gone" => StoreStatus.Gone,
            var other => throw new InvalidOperationException($"store_results answered '{other}'."),
        };
    }

    /// <summary>
    /// Keeps results that were stored one by one as a single block from now on, which takes less room. The results themselves and the
    /// counts stay as they are.
    /// </summary>
    /// <param name="batchId">The batch.</param>
    /// <param name="lane">The lane.</param>
    /// <param name="from">Position of the first.</param>
    /// <param name="stored">The stored results of consecutive positions, at most <see cref="MaxBlock"/>; large ones stay as they are.</param>
    public Task CompactAsync(Guid batchId, int lane, int from, IReadOnlyList<StoredResult> stored)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stored.Count, MaxBlock);
        if (stored.Sum(result => (long)result.Line.Length) > MaxBlockBytes)
        {
            return Task.CompletedTask;
        }

        var keys = new BatchKeys(batchId);
        using var writer = new PayloadWriter();
        return Compact.RunAsync(Database, [keys.Record, keys.Results(lane)], [from, stored.Count, ResultBlock.Pack(writer, stored)]);
    }

    /// <summary>Per request of a range, whether it has a result.</summary>
    public async Task<bool[]> FinishedAsync(Guid batchId, int lane, int from, int count)
        => Outcomes.Finished(await Database.HashGetAsync(new BatchKeys(batchId).Results(lane), Outcomes.Fields(from, count)), from, count);

    /// <summary>Per request of a range, what came of it; null while it has no result.</summary>
    public async Task<RequestOutcome?[]> OutcomesAsync(Guid batchId, int lane, int from, int count)
        => [.. Outcomes.Range(await Database.HashGetAsync(new BatchKeys(batchId).Results(lane), Outcomes.Fields(from, count)), from, count).Select(Outcomes.Of)];

    /// <summary>Reads the stored results of a range of a lane, in order, leaving out requests without one.</summary>
    public async Task<IReadOnlyList<(int Position, StoredResult Result)>> ReadAsync(Guid batchId, int lane, int from, int count)
    {
        // A block may begin before the range and reach into it.
        var start = Math.Max(0, from - (MaxBlock - 1));
        var results = await BlocksFromAsync(batchId, lane, start, from + count - start);
        return [.. results.Where(entry => entry.Position >= from && entry.Position < from + count)];
    }

    /// <summary>
    /// The lines of a closed batch's results file, one per request in the order of submission; requests that were never executed have
    /// their line made from how the batch ended. Of an open batch, the lines that there are so far. Holds a few blocks at a time, however large the
    /// batch is; a line is valid until the next is asked for.
    /// </summary>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>> LinesAsync(BatchRecord record, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var lanes = new List<IAsyncEnumerator<(int Index, ReadOnlyMemory<byte> Line)>>();
        try
        {
            foreach (var lane in record.Lanes)
            {
                var reader = LaneAsync(record, lane, cancellationToken).GetAsyncEnumerator(cancellationToken);
                lanes.Add(reader);
                if (!await reader.MoveNextAsync())
                {
                    lanes.Remove(reader);
                    await reader.DisposeAsync();
                }
            }

            while (lanes.Count > 0)
            {
                var next = lanes.MinBy(lane => lane.Current.Index)!;
                yield return next.Current.Line;
                if (!await next.MoveNextAsync())
                {
                    lanes.Remove(next);
                    await next.DisposeAsync();
                }
            }
        }
        finally
        {
            foreach (var lane in lanes)
            {
                await lane.DisposeAsync();
            }
        }
    }

    /// <summary>
    /// The requests of a closed batch that did not succeed, lane by lane; what is no longer kept is left out. Holds a few chunks at a time;
    /// a request is valid until the next is asked for.
    /// </summary>
    public async IAsyncEnumerable<(Lane Lane, StoredRequest Request)> NotSucceededAsync(
        BatchRecord record, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var lane in record.Lanes)
        {
            await using var submitted = requests.Follow(record.BatchId, lane);
            for (var from = 0; from < lane.Count; from += OutcomesAtOnce)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var count = Math.Min(OutcomesAtOnce, lane.Count - from);
                var outcomes = await OutcomesAsync(record.BatchId, lane.Number, from, count);
                for (var i = 0; i < count; i++)
                {
                    if (outcomes[i] is not RequestOutcome.Succeeded && await submitted.ReadAsync(from + i) is { } request)
                    {
                        yield return (lane, request);
                    }
                }
            }
        }
    }

    private async IAsyncEnumerable<(int Index, ReadOnlyMemory<byte> Line)> LaneAsync(
        BatchRecord record, Lane lane, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var submitted = requests.Follow(record.BatchId, lane);
        var position = 0;
        if (lane.Model is not null)
        {
            await foreach (var (start, content) in BlockStream.ReadAsync(Database, new BatchKeys(record.BatchId).Results(lane.Number), 0, lane.Count))
            {
                if (start < position)
                {
                    // What a crash has left of a compaction: the block before says the same.
                    continue;
                }

                for (; position < start; position++)
                {
                    if (await UnexecutedAsync() is { } missing)
                    {
                        yield return missing;
                    }
                }

                foreach (var line in ResultBlock.ReadLines(content))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    yield return line;
                    position++;
                }
            }
        }

        for (; position < lane.Count; position++)
        {
            if (await UnexecutedAsync() is { } missing)
            {
                yield return missing;
            }
        }

        async ValueTask<(int Index, ReadOnlyMemory<byte> Line)?> UnexecutedAsync()
        {
            cancellationToken.ThrowIfCancellationRequested();
            return (record.ClosedAt is null && lane.Model is not null) || await submitted.ReadAsync(position) is not { } request
                ? null
                : (request.Index, ResultLine.Unexecuted(record, lane, request));
        }
    }

    /// <summary>
    /// The results of every block that begins in a range; the last may reach beyond it. A block that begins within an earlier one is
    /// what a crash has left of a compaction, and says the same.
    /// </summary>
    private async Task<List<(int Position, StoredResult Result)>> BlocksFromAsync(Guid batchId, int lane, int from, int count)
    {
        var fields = new RedisValue[count];
        for (var i = 0; i < count; i++)
        {
            fields[i] = from + i;
        }

        var blocks = await Database.HashGetAsync(new BatchKeys(batchId).Results(lane), fields);
        var results = new List<(int, StoredResult)>(count);
        var position = from;
        for (var i = 0; i < count; i++)
        {
            if (!blocks[i].IsNull && position <= from + i)
            {
                position = from + i;
                results.AddRange(ResultBlock.Read((byte[])blocks[i]!).Select(result => (position++, result)));
            }
        }

        return results;
    }
}

/// <summary>What became of an attempt to store results.</summary>
public enum StoreStatus
{
    /// <summary>They are stored and counted.</summary>
    Stored,

    /// <summary>One of the requests already has a result; nothing was stored.</summary>
    Taken,

    /// <summary>The page has been leased to another; nothing was stored.</summary>
    Lost,

    /// <summary>The batch is closed; nothing was stored.</summary>
    Closed,

    /// <summary>There is no such batch; nothing was stored.</summary>
    Gone,
}
