using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using BatchBus.Storage;
using BatchBus.Storage.Clock;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BatchBus.Host.Observability;

/// <summary>Looks at the parts every few seconds: a change is one line of the log, and the present state is in the metrics.</summary>
internal sealed partial class HealthWatch : IHealthCheckPublisher
{
    /// <summary>How often it looks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<HealthWatch> _logger;
    private readonly ConcurrentDictionary<string, HealthReportEntry> _parts = new();

    public HealthWatch(StoreClock clock, IHostApplicationLifetime lifetime, IMeterFactory meters, ILogger<HealthWatch> logger)
    {
        (_lifetime, _logger) = (lifetime, logger);
        var meter = meters.Create(Telemetry.Name);
        meter.CreateObservableGauge("batchbus.part.ready", () => Of(PartHealth.IsReady), null, "1 while this part of the process can do its work");
        meter.CreateObservableGauge<double>(
            "batchbus.clock.ahead",
            () => clock.ProcessAhead is { } ahead ? [new Measurement<double>(ahead.TotalSeconds)] : [],
            "s",
            "How far this process's clock is ahead of the Redis server's");
        meter.CreateObservableGauge("batchbus.part.alarm", () => Of(PartHealth.IsAlarm), null, "1 while somebody should look at this part");
    }

    public Task PublishAsync(HealthReport report, CancellationToken cancellationToken)
    {
        foreach (var (name, part) in report.Entries)
        {
            var before = _parts.TryGetValue(name, out var known) ? known : (HealthReportEntry?)null;
            _parts[name] = part;

            // Whoever stops lets go of its servers one after the other.
            if (!_lifetime.ApplicationStopping.IsCancellationRequested)
            {
                Tell(name, before, part);
            }
        }

        return Task.CompletedTask;
    }

    private void Tell(string name, HealthReportEntry? before, HealthReportEntry part)
    {
        var wasWell = before is not { } known || PartHealth.Word(known) == "ready";
        if (PartHealth.Word(part) == "ready")
        {
            if (!wasWell)
            {
                Log.Recovered(_logger, name, part.Description);
            }
        }
        else if (wasWell || before?.Description != part.Description)
        {
            if (PartHealth.IsReady(part))
            {
                Log.Alarm(_logger, name, part.Description, PartHealth.Remedy(part));
            }
            else
            {
                Log.NotReady(_logger, name, part.Description, PartHealth.Remedy(part));
            }
        }
    }

    private IEnumerable<Measurement<int>> Of(Func<HealthReportEntry, bool> state)
        => _parts.Select(part => new Measurement<int>(state(part.Value) ? 1 : 0, new KeyValuePair<string, object?>("part", part.Key)));

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "Not ready, {Part}: {Description} {Remedy}")]
        public static partial void NotReady(ILogger logger, string part, string? description, string? remedy);

        [LoggerMessage(LogLevel.Warning, "Alarm, {Part}: {Description} {Remedy}")]
        public static partial void Alarm(ILogger logger, string part, string? description, string? remedy);

        [LoggerMessage(LogLevel.Information, "Well again, {Part}: {Description}")]
        public static partial void Recovered(ILogger logger, string part, string? description);
    }
}
