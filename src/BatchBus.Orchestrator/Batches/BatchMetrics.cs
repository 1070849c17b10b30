using System.Diagnostics.Metrics;
using BatchBus.Storage;
using BatchBus.Storage.Batches;

namespace BatchBus.Orchestrator.Batches;

/// <summary>What the ends of batches add to the metrics. A crash may count an end twice or not at all: the usage ledger is what is exact.</summary>
internal sealed class BatchMetrics
{
    /// <summary>Stands for the model of requests that can be routed nowhere.</summary>
    private const string NoModel = "none";

    private readonly Histogram<double> _duration;
    private readonly Counter<long> _completed;

    public BatchMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(Telemetry.Name);
        _duration = meter.CreateHistogram(
            "batchbus.batch.duration", "s", "Time from the creation of batches to their end",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600] });
        _completed = meter.CreateCounter<long>("batchbus.requests.completed", null, "Requests that have their result");
    }

    /// <summary>A batch has ended.</summary>
    public void Ended(BatchRecord record)
    {
        var reason = record.Reason!.Value.ToString().ToLowerInvariant();
        _duration.Record((record.ClosedAt!.Value - record.CreatedAt).TotalSeconds, new KeyValuePair<string, object?>("reason", reason));
        foreach (var (lane, tally) in record.Lanes.Zip(record.Tallies))
        {
            // The others were counted by the worker that stored their results.
            var (count, outcome) = lane.Model is null ? (lane.Count, "errored") : (lane.Count - tally.Succeeded - tally.Errored, reason);
            if (count > 0)
            {
                _completed.Add(count, new("model", lane.Model ?? NoModel), new("outcome", outcome));
            }
        }
    }
}
