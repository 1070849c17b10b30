using System.Collections.Concurrent;
using BatchBus.Storage.Fleet;
using Microsoft.Extensions.Options;

namespace BatchBus.Orchestrator.Dispatch;

/// <summary>
/// How many requests of a batch may be on their way to a model: the fleet's window divided among the workspaces by weight, and a
/// workspace's part among its batches. So a small batch behind a large one waits for a few pages, and queues stay short.
/// </summary>
internal sealed class DispatchWindow(FleetStore fleets, IOptions<DispatchOptions> options, TimeProvider time)
{
    /// <summary>How old the picture of a fleet may be; reading it for every page would cost more than it tells.</summary>
    private static readonly TimeSpan Freshness = TimeSpan.FromMilliseconds(200);

    /// <summary>Slots that are assumed while no worker has reported yet.</summary>
    private const int AssumedSlots = 16;

    /// <summary>A batch that has no more left than this part of the window may have it all on its way, however many batches there are.</summary>
    private const int SmallPart = 8;

    private readonly ConcurrentDictionary<string, (long ReadAt, ModelFleet Fleet)> _fleets = new();

    /// <param name="model">The model.</param>
    /// <param name="workspace">The workspace that owns the batch.</param>
    /// <param name="unfinished">Requests of the batch for this model that are not reported.</param>
    public async ValueTask<(ModelFleet Fleet, int Requests)> ForAsync(string model, string workspace, int unfinished)
    {
        if (!_fleets.TryGetValue(model, out var known) || time.GetElapsedTime(known.ReadAt) > Freshness)
        {
            known = (time.GetTimestamp(), await fleets.ReadAsync(model));
            _fleets[model] = known;
        }

        var slots = Math.Max(known.Fleet.Slots, known.Fleet.Workers == 0 ? AssumedSlots : 1);
        var window = (int)(slots * options.Value.WindowFactor);
        var share = (int)(window * known.Fleet.ShareOf(workspace));
        return (known.Fleet, Math.Max(Math.Max(1, share), Math.Min(unfinished, window / SmallPart)));
    }
}
