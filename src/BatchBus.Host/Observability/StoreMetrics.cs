using System.Diagnostics.Metrics;
using System.Globalization;
using BatchBus.Inference.Catalog;
using BatchBus.Storage;
using BatchBus.Storage.Fleet;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace BatchBus.Host.Observability;

/// <summary>What Redis says of all processes together: the backlog, and the memory that it takes. Read now and then, not at each scrape.</summary>
internal sealed partial class StoreMetrics : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly ModelCatalog _catalog;
    private readonly BacklogReader _backlog;
    private readonly IConnectionMultiplexer _redis;
    private readonly TimeProvider _time;
    private readonly ILogger<StoreMetrics> _logger;
    private volatile Reading? _reading;

    public StoreMetrics(ModelCatalog catalog, BacklogReader backlog, IConnectionMultiplexer redis, TimeProvider time, IMeterFactory meters, ILogger<StoreMetrics> logger)
    {
        (_catalog, _backlog, _redis, _time, _logger) = (catalog, backlog, redis, time, logger);
        var meter = meters.Create(Telemetry.Name);
        meter.CreateObservableGauge("batchbus.requests.waiting", () => Models(model => model.Waiting), null, "Requests of open batches that have no result and are not in flight");
        meter.CreateObservableGauge("batchbus.batches.open", () => Models(model => model.Open), null, "Batches that have not ended");
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
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                // What was true may be so no more: nothing is said until it can be read again. Whatever it is, it does not end the process.
                Log.NotRead(_logger, exception.GetType().Name, exception.Message);
                _reading = null;
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<Reading> ReadAsync()
    {
        var memory = await InfoAsync();
        var backlog = await _backlog.ReadAsync(_catalog.EndpointsOfModels);
        var now = _time.GetUtcNow();
        var models = _catalog.Models.ToDictionary(model => model.Name, model =>
        {
            var parts = backlog.Models.Where(part => part.Model == model.Name).ToList();
            var oldest = parts.Min(part => part.OldestAt) is { } createdAt ? now - createdAt : TimeSpan.Zero;
            return new ModelReading(
                parts.Sum(part => part.Waiting), backlog.Open.Count(batch => batch.Lanes.Any(lane => lane.Model == model.Name)), Math.Max(0, oldest.TotalSeconds));
        });
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

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "The metrics of the store could not be read ({Error}: {Message})")]
        public static partial void NotRead(ILogger logger, string error, string message);
    }

    private sealed record Reading(IReadOnlyDictionary<string, ModelReading> Models, long? UsedBytes, long? LimitBytes);

    private sealed record ModelReading(int Waiting, int Open, double OldestSeconds);
}
