using System.Globalization;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Fleet;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace BatchBus.Storage.Usage;

/// <summary>
/// What each workspace used, by day: the final tallies of its batches, each under the batch's own name. So recording a batch again
/// changes nothing, and the sum has each request once, whoever crashed and repeated what.
/// </summary>
public sealed class UsageLedger(IConnectionMultiplexer redis, BatchStore batches, FleetStore fleet, IOptions<UsageOptions> options, TimeProvider time)
{
    private IDatabase Database => redis.GetDatabase();

    /// <summary>
    /// Records what a closed batch came to. To be repeated until it has succeeded once, before the batch leaves the fleet, is announced
    /// or deleted.
    /// </summary>
    /// <param name="record">The record of a closed batch.</param>
    public async Task RecordAsync(BatchRecord record)
    {
        var day = Day(record.ClosedAt ?? throw new ArgumentException("The batch is not closed.", nameof(record)));
        HashEntry[] entries = [.. Used(record).Select(used => new HashEntry($"{BatchId.Format(record.BatchId)}|{used.Key}", used.Value.Format()))];
        if (entries.Length == 0)
        {
            return;
        }

        var key = Key(record.Workspace, day);
        var transaction = Database.CreateTransaction();
        Task[] steps = [transaction.HashSetAsync(key, entries), transaction.KeyExpireAsync(key, options.Value.EndOf(day))];
        await transaction.ExecuteAsync();
        await Task.WhenAll(steps);
    }

    /// <summary>What a workspace used on some days, by day and model; batches that are still executed count so far, on the present day.</summary>
    /// <param name="workspace">The workspace.</param>
    /// <param name="from">The first day.</param>
    /// <param name="to">The last day.</param>
    /// <param name="models">The models on which batches are executed at present.</param>
    public async Task<IReadOnlyList<DailyUsage>> ReadAsync(string workspace, DateOnly from, DateOnly to, IEnumerable<string> models)
    {
        var sums = new SortedDictionary<(DateOnly Day, string Model), LaneTally>();

        // In this order: a batch is recorded before it leaves the fleet, so one that is not found there is found in the ledger.
        var open = await OpenAsync(workspace, models);
        foreach (var day in UsageOptions.Days(from, to))
        {
            foreach (var entry in await Database.HashGetAllAsync(Key(workspace, day)))
            {
                var (batch, model) = ((string)entry.Name!).Split('|', 2) is [var id, var name] ? (id, name) : throw new InvalidDataException($"The usage ledger holds '{entry.Name}'.");
                open.Remove(batch);
                Add(day, model, LaneTally.Parse(entry.Value));
            }
        }

        foreach (var record in open.Values)
        {
            var day = Day(record.ClosedAt ?? time.GetUtcNow());
            foreach (var (model, tally) in day >= from && day <= to ? Used(record) : [])
            {
                Add(day, model, tally);
            }
        }

        return [.. sums.Select(sum => new DailyUsage(sum.Key.Day, sum.Key.Model, sum.Value))];

        void Add(DateOnly day, string model, LaneTally tally) => sums[(day, model)] = sums.GetValueOrDefault((day, model), LaneTally.None) + tally;
    }

    /// <summary>The batches that may not be recorded yet, by their public ids.</summary>
    private async Task<Dictionary<string, BatchRecord>> OpenAsync(string workspace, IEnumerable<string> models)
    {
        var ids = await Task.WhenAll(models.Select(model => fleet.BatchesAsync(model, workspace)));
        var records = await Task.WhenAll(ids.SelectMany(found => found).Distinct().Select(batches.FindAsync));
        return records.OfType<BatchRecord>().ToDictionary(record => BatchId.Format(record.BatchId));
    }

    private static IEnumerable<KeyValuePair<string, LaneTally>> Used(BatchRecord record) => record.TallyByModel.Where(used => used.Value != LaneTally.None);

    private static DateOnly Day(DateTimeOffset moment) => DateOnly.FromDateTime(moment.UtcDateTime);

    private static RedisKey Key(string workspace, DateOnly day) => string.Create(CultureInfo.InvariantCulture, $"batchbus:usage:{workspace}:{day:yyyy-MM-dd}");
}
