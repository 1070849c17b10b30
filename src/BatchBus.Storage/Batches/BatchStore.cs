using System.Globalization;
using System.Text.Json;
using BatchBus.Contracts;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Schedule;
using StackExchange.Redis;

namespace BatchBus.Storage.Batches;

/// <summary>The records of batches: create, read, cancel, close, delete.</summary>
public sealed class BatchStore(IConnectionMultiplexer redis, BatchSchedule schedule, TimeProvider time)
{
    private readonly BatchIndex _index = new(redis);

    /// <summary>How long an upload that shows no progress may still be going on.</summary>
    public static readonly TimeSpan UploadLapse = TimeSpan.FromMinutes(2);

    /// <summary>How long a commit may take. Who dies after it has left the batch to the sweeper, which is not to wait for long.</summary>
    private static readonly TimeSpan CommitPatience = TimeSpan.FromSeconds(5);

    /// <summary>How long a given-up upload is remembered, against a commit that is still under way somewhere.</summary>
    private static readonly TimeSpan AbandonedMemory = TimeSpan.FromDays(1);

    private static readonly Script Commit = Script.Load("commit_batch");
    private static readonly Script Abandon = Script.Load("abandon_batch");
    private static readonly Script Cancel = Script.Load("cancel_batch");
    private static readonly Script Close = Script.Load("close_batch");
    private static readonly Script Mark = Script.Load("mark_batch");
    private static readonly Script NoteWebhook = Script.Load("note_webhook");

    private IDatabase Database => redis.GetDatabase();

    /// <summary>Begins a create. Before anything is stored, the schedule knows the id, so that nothing can be left behind unseen.</summary>
    public async Task<BatchUpload> BeginUploadAsync()
    {
        var upload = new BatchUpload(Database, BatchId.New(time.GetUtcNow()));
        await schedule.SetAsync(upload.BatchId, UploadLapse);
        return upload;
    }

    /// <summary>Tells the sweeper that an upload is still going on.</summary>
    public Task ExtendUploadAsync(BatchUpload upload) => schedule.SetAsync(upload.BatchId, UploadLapse);

    /// <summary>
    /// Makes an upload a batch. Throws what the store throws when it cannot be told whether the commit took effect;
    /// <see cref="AbandonAsync"/> settles that.
    /// </summary>
    /// <param name="upload">The upload.</param>
    /// <param name="workspace">Who owns the batch.</param>
    /// <param name="stage">The stage of the whole batch, if any.</param>
    /// <param name="stageModel">The model of that stage.</param>
    /// <param name="window">From creation to expiry.</param>
    /// <param name="webhookUrl">Who is to be told of the end, if anybody.</param>
    /// <returns>The record; null when the upload had already lapsed.</returns>
    public async Task<BatchRecord?> CommitAsync(BatchUpload upload, string workspace, string? stage, string? stageModel, TimeSpan window, string? webhookUrl = null)
    {
        var lanes = await upload.FinishAsync(stageModel);
        var now = time.GetUtcNow();
        var values = new List<RedisValue>
        {
            "created", Microseconds(now),
            "expires", Microseconds(now + window),
            "workspace", workspace,
            "total", upload.Count,
            "lanes", JsonSerializer.Serialize(lanes, LaneJson.Default.IReadOnlyListLane),
        };
        if (stage is not null)
        {
            values.AddRange(["stage", stage]);
        }

        if (webhookUrl is not null)
        {
            values.AddRange(["webhook", webhookUrl]);
        }

        await _index.AddAsync(workspace, upload.BatchId);
        await schedule.SetAsync(upload.BatchId, CommitPatience);
        var result = await Commit.RunAsync(Database, [new BatchKeys(upload.BatchId).Record], [.. values]);
        if ((string?)result != "committed")
        {
            await _index.RemoveAsync(workspace, upload.BatchId);
            return null;
        }

        await schedule.SetAsync(upload.BatchId, BatchSchedule.ActiveInterval);
        return await FindAsync(upload.BatchId);
    }

    /// <summary>
    /// Gives an upload up and removes what it stored. False when it turns out to be committed: then the batch stands.
    /// </summary>
    public async Task<bool> AbandonAsync(Guid batchId, BatchUpload? upload = null)
    {
        if (upload is not null)
        {
            await upload.DrainAsync();
        }

        var keys = new BatchKeys(batchId);
        var result = await Abandon.RunAsync(Database, [keys.Record], [(long)AbandonedMemory.TotalSeconds]);
        if ((string?)result == "committed")
        {
            return false;
        }

        await Database.KeyDeleteAsync([.. keys.All().Where(key => key != keys.Record)]);
        await schedule.RemoveAsync(batchId);
        return true;
    }

    /// <summary>Reads a batch; null when there is none, or it is not committed.</summary>
    public async Task<BatchRecord?> FindAsync(Guid batchId)
    {
        var keys = new BatchKeys(batchId);
        var fields = (await Database.HashGetAllAsync(keys.Record)).ToDictionary(entry => (string)entry.Name!, entry => entry.Value);
        if (!fields.TryGetValue("created", out var created))
        {
            return null;
        }

        var lanes = Lanes(fields["lanes"]);
        var closedAt = TimeOf("closed");
        return new BatchRecord
        {
            BatchId = batchId,
            Workspace = fields["workspace"]!,
            Stage = fields.TryGetValue("stage", out var stage) ? (string?)stage : null,
            CreatedAt = Time((long)created),
            ExpiresAt = Time((long)fields["expires"]),
            CancelInitiatedAt = TimeOf("cancel"),
            ClosedAt = closedAt,
            Reason = fields.TryGetValue("reason", out var reason) ? (BatchEndReason)(int)reason : null,
            Announced = fields.ContainsKey("announced"),
            ArchivedAt = TimeOf("archived"),
            Webhook = fields.TryGetValue("webhook", out var webhook) ? WebhookState.Parse(webhook!, fields.GetValueOrDefault("webhook:state")) : null,
            Lanes = lanes,
            Tallies = await Task.WhenAll(lanes.Select(TallyAsync)),
        };

        DateTimeOffset? TimeOf(string field) => fields.TryGetValue(field, out var value) ? Time((long)value) : null;

        async Task<LaneTally> TallyAsync(Lane lane)
            => lane.Model is null ? LaneTally.Unrouted(lane.Count)
                : closedAt is null ? LaneTally.Parse(await Database.HashGetAsync(keys.Results(lane.Number), "tally"))
                : LaneTally.Parse(fields.GetValueOrDefault(string.Create(CultureInfo.InvariantCulture, $"tally:{lane.Number}")));
    }

    /// <summary>Closes a batch: from then on no result is taken, and what has none is canceled or expired.</summary>
    /// <param name="batchId">The batch.</param>
    /// <param name="reason">Why. A batch whose requests all have results is closed as completed, whatever is asked.</param>
    /// <param name="force">Closes although a worker may still be about to deliver results.</param>
    public async Task<CloseResult> CloseAsync(Guid batchId, BatchEndReason reason, bool force = false)
    {
        var keys = new BatchKeys(batchId);
        var stored = await Database.HashGetAsync(keys.Record, "lanes");
        if (stored.IsNull)
        {
            return CloseResult.Gone;
        }

        var lanes = Lanes(stored).ToLookup(lane => lane.Model is not null);
        var result = await Close.RunAsync(
            Database,
            [keys.Record, keys.Pages, .. lanes[true].Select(lane => keys.Results(lane.Number))],
            [(int)reason, Microseconds(time.GetUtcNow()), force ? 1 : 0, lanes[false].Sum(lane => lane.Count), .. lanes[true].Select(lane => (RedisValue)lane.Number)]);
        return (string?)result switch
        {
            "closed" => CloseResult.Closed,
            "gone" => CloseResult.Gone,
            "unfinished" => CloseResult.Unfinished,
            "leased" => CloseResult.Leased,
            var other => throw new InvalidOperationException($"close_batch answered '{other}'."),
        };
    }

    /// <summary>Every batch that is committed and not closed, of all workspaces, oldest first.</summary>
    public async Task<IReadOnlyList<BatchRecord>> OpenAsync()
        => [.. (await Task.WhenAll((await schedule.ActiveAsync()).Select(FindAsync))).OfType<BatchRecord>().Where(record => record.ClosedAt is null).OrderBy(record => record.CreatedAt)];

    /// <summary>
    /// One page of a workspace's batches, newest first.
    /// </summary>
    /// <param name="workspace">The workspace.</param>
    /// <param name="olderThan">Only batches older than this one.</param>
    /// <param name="newerThan">Only batches newer than this one; given alone, the page directly before it.</param>
    /// <param name="limit">Most batches in the page.</param>
    public async Task<BatchList> ListAsync(string workspace, Guid? olderThan, Guid? newerThan, int limit)
    {
        var newestFirst = olderThan is not null || newerThan is null;
        var found = new List<BatchRecord>();
        Guid? high = olderThan, low = newerThan;
        while (found.Count <= limit)
        {
            var ids = await _index.ReadAsync(workspace, high, low, newestFirst, limit + 1);
            found.AddRange((await Task.WhenAll(ids.Select(FindAsync))).OfType<BatchRecord>());
            if (ids.Count <= limit)
            {
                break;
            }

            if (newestFirst)
            {
                high = ids[^1];
            }
            else
            {
                low = ids[^1];
            }
        }

        var page = found.Take(limit);
        return new BatchList([.. newestFirst ? page : page.Reverse()], found.Count > limit);
    }

    /// <summary>Records that a batch is to be canceled; the sweeper sees to it at once.</summary>
    /// <returns>Whether that holds; false when there is no such batch, or it is closed.</returns>
    public async Task<bool> CancelAsync(Guid batchId)
    {
        var result = await Cancel.RunAsync(Database, [new BatchKeys(batchId).Record], [Microseconds(time.GetUtcNow())]);
        if ((string?)result != "canceling")
        {
            return false;
        }

        await schedule.SetAsync(batchId, TimeSpan.Zero);
        return true;
    }

    /// <summary>Records that the end of a batch has come back over the bus; the next thing to be done for it is to archive it.</summary>
    /// <param name="batchId">The batch.</param>
    /// <param name="retention">From its creation to its archiving.</param>
    public async Task MarkAnnouncedAsync(Guid batchId, TimeSpan retention)
    {
        if (await FindAsync(batchId) is { } record && await MarkAsync(batchId, "announced", 1))
        {
            // A visit sees to a webhook; it sets its own next one.
            await schedule.SetAsync(batchId, record.Webhook is { Phase: WebhookPhase.Due } ? TimeSpan.Zero : record.CreatedAt + retention - time.GetUtcNow());
        }
    }

    /// <summary>Replaces what is known of a batch's webhook.</summary>
    /// <returns>Whether it took effect; false when the batch is gone, or another has replaced it first.</returns>
    public async Task<bool> NoteWebhookAsync(Guid batchId, WebhookState before, WebhookState after)
        => (int)await NoteWebhook.RunAsync(Database, [new BatchKeys(batchId).Record], [before.Format(), after.Format()]) == 1;

    /// <summary>Removes the requests and results of a closed batch; its record stays.</summary>
    public async Task ArchiveAsync(Guid batchId)
    {
        var keys = new BatchKeys(batchId);
        await MarkAsync(batchId, "archived", Microseconds(time.GetUtcNow()));
        await Database.KeyDeleteAsync([.. keys.All().Where(key => key != keys.Record)]);
        await schedule.RemoveAsync(batchId);
    }

    /// <summary>Removes everything of a closed batch.</summary>
    public async Task DeleteAsync(BatchRecord record)
    {
        await Database.KeyDeleteAsync(new BatchKeys(record.BatchId).All());
        await _index.RemoveAsync(record.Workspace, record.BatchId);
        await schedule.RemoveAsync(record.BatchId);
    }

    private async Task<bool> MarkAsync(Guid batchId, string field, RedisValue value)
        => (int)await Mark.RunAsync(Database, [new BatchKeys(batchId).Record], [field, value]) == 1;

    private static IReadOnlyList<Lane> Lanes(RedisValue stored) => JsonSerializer.Deserialize((string)stored!, LaneJson.Default.IReadOnlyListLane)!;

    private static long Microseconds(DateTimeOffset moment) => (moment - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    private static DateTimeOffset Time(long microseconds) => DateTimeOffset.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);
}

/// <summary>A page of a listing.</summary>
/// <param name="Batches">Newest first.</param>
/// <param name="HasMore">Whether there are more in the direction that was asked for.</param>
public sealed record BatchList(IReadOnlyList<BatchRecord> Batches, bool HasMore);

/// <summary>What became of an attempt to close a batch.</summary>
public enum CloseResult
{
    /// <summary>The batch is closed, now or since earlier.</summary>
    Closed,

    /// <summary>There is no such batch.</summary>
    Gone,

    /// <summary>It should be completed, but requests have no result.</summary>
    Unfinished,

    /// <summary>A worker may still be about to deliver results.</summary>
    Leased,
}
