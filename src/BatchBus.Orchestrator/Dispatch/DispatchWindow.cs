using System.Collections.Concurrent;
using BatchBus.Storage.Fleet;
using Microsoft.Extensions.Options;

namespace BatchBus.Orchestrator.Dispatch;

/// <summary>
/// How many requests of a batch may be on their way to a model: the fleet's window divided among the batches that it executes. So a
/// small batch behind a large one waits for a few pages, and queues stay short.
/// </summary>
internal sealed class DispatchWindow(FleetStore fleets, IOptions<DispatchOptions> options, TimeProvider time)
{
    /// <summary>How old the picture of a fleet may be; reading it for every page would cost more than it tells.</summary>
    private static readonly TimeSpan Freshness = TimeSpan.FromMilliseconds(200);

    /// <summary>Slots that are assumed while no worker has reported yet.</summary>
    private const int AssumedSlots = 16;

    private readonly ConcurrentDictionary<string, (long ReadAt, ModelFleet Fleet)> _fleets = new();

    public async ValueTask<(ModelFleet Fleet, int Requests)> ForAsync(string model)
    {
        if (!_fleets.TryGetValue(model, out var known) || time.GetElapsedTime(known.ReadAt) > Freshness)
        {
            known = (time.GetTimestamp(), await fleets.ReadAsync(model));
            _fleets[model] = known;
        }

        var slots = Math.Max(known.Fleet.Slots, known.Fleet.Workers == 0 ? AssumedSlots : 1);
        return (known.Fleet, Math.Max(1, (int)(slots * options.Value.WindowFactor) / Math.Max(1, known.Fleet.Batches)));
    }
}
