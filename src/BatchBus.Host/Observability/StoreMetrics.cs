using System.Diagnostics.Metrics;
using System.Globalization;
using BatchBus.Contracts;
using BatchBus.Inference.Catalog;
using BatchBus.Storage;
using BatchBus.Storage.Fleet;
using Microsoft.Extensions.Hosting;
using StackExchange.Redis;

namespace BatchBus.Host.Observability;

/// <summary>What Redis says of all processes together: open batches, and the memory that they take. Read now and then, not at each scrape.</summary>
internal sealed class StoreMetrics : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly ModelCatalog _catalog;
    private readonly FleetStore _fleet;
    private readonly IConnectionMultiplexer _redis;
    private readonly TimeProvider _time;
    private volatile Reading? _reading;

    public StoreMetrics(ModelCatalog catalog, FleetStore fleet, IConnectionMultiplexer redis, TimeProvider time, IMeterFactory meters)
    {
        (_catalog, _fleet, _redis, _time) = (catalog, fleet, redis, time);
        var meter = meters.Create(Telemetry.Name);
        meter.CreateObservableGauge("batchbus.batches.open", () => Models(model => model.Open), null, "Batches that are being executed");
        meter.CreateObservableGauge("batchbus.batches.oldest", () => Models(model => model.OldestSeconds), "s", "Age of the oldest of them");
        meter.CreateObservableGauge("batchbus.redis.memory.used", () => Memory(reading => reading.UsedBytes), "By", "Memory that Redis uses");
        meter.CreateObservableGauge("batchbus.redis.memory.limit", () => Memory(reading => reading.LimitBytes), "By", "Its maxmemory; 0 where it has none");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, _time);
        do
        {
            try
            {
                _reading = await ReadAsync();
            }
            catch (Exception exception) when (exception is RedisException or RedisTimeoutException)
            {
                // What was true may be so no more: nothing is said until Redis answers again.
                _reading = null;
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<Reading> ReadAsync()
    {
        var memory = await InfoAsync();
        var models = new Dictionary<string, ModelReading>();
        foreach (var model in _catalog.Models)
        {
            var batches = await _fleet.BatchesAsync(model.Name);
            var oldest = batches.Count == 0 ? TimeSpan.Zero : _time.GetUtcNow() - batches.Min(BatchId.CreatedAt);
            models[model.Name] = new ModelReading(batches.Count, Math.Max(0, oldest.TotalSeconds));
        }

        return new Reading(models, FieldOf(memory, "used_memory"), FieldOf(memory, "maxmemory"));
    }

    /// <summary>By a script, since the client takes INFO for an administrator's command. Neither the embedded store nor every user of a server may run it.</summary>
    private async Task<string> InfoAsync()
    {
        try
        {
            return (string?)await _redis.GetDatabase().ScriptEvaluateAsync("return redis.call('INFO', 'memory')") ?? "";
        }
        catch (RedisServerException)
        {
            return "";
        }
    }

    private IEnumerable<Measurement<double>> Models(Func<ModelReading, double> value)
        => _reading is { } reading ? reading.Models.Select(model => new Measurement<double>(value(model.Value), new KeyValuePair<string, object?>("model", model.Key))) : [];

    private IEnumerable<Measurement<long>> Memory(Func<Reading, long?> value)
        => _reading is { } reading && value(reading) is { } bytes ? [new Measurement<long>(bytes)] : [];

    private static long? FieldOf(string info, string name)
    {
        foreach (var line in info.AsSpan().EnumerateLines())
        {
            if (line.Length > name.Length && line[name.Length] == ':' && line.StartsWith(name, StringComparison.Ordinal))
            {
                return long.TryParse(line[(name.Length + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : null;
            }
        }

        return null;
    }

    private sealed record Reading(IReadOnlyDictionary<string, ModelReading> Models, long? UsedBytes, long? LimitBytes);

    private sealed record ModelReading(int Open, double OldestSeconds);
}
