using BatchBus.Storage.Batches;
using BatchBus.Storage.Endpoints;
using BatchBus.Storage.Pages;

namespace BatchBus.Storage.Fleet;

/// <summary>Reads what there is to do now, from the records of open batches: its cost grows with their number, not with their requests.</summary>
public sealed class BacklogReader(BatchStore batches, PageStore pages, EndpointStore endpoints)
{
    /// <summary>Reads what waits and what is in flight, of all workspaces.</summary>
    /// <param name="endpointsOfModels">The names of each model's endpoints.</param>
    public async Task<Backlog> ReadAsync(ILookup<string, string> endpointsOfModels)
    {
        var open = await batches.OpenAsync();
        var leased = await Task.WhenAll(open.Select(LeasedAsync));
        var shares = open.Zip(leased)
            .SelectMany(batch => batch.First.Lanes.Zip(batch.First.Tallies)
                .Where(lane => lane.First.Model is not null)
                .Select(lane => new LaneShare(
                    batch.First, lane.First.Model!, lane.First.Count - lane.Second.Succeeded - lane.Second.Errored, batch.Second.GetValueOrDefault(lane.First.Number))))
            .Where(share => share.Unfinished > 0)
            .ToList();
        var models = await Task.WhenAll(shares.GroupBy(share => share.Model).Select(model => OfModelAsync(model, endpointsOfModels[model.Key])));
        return new Backlog(open, [.. models.SelectMany(model => model)]);
    }

    /// <summary>What is in flight is known by endpoint; workspaces have their parts of it by what workers hold of each.</summary>
    private async Task<IEnumerable<ModelBacklog>> OfModelAsync(IGrouping<string, LaneShare> model, IEnumerable<string> names)
    {
        var inFlight = (await Task.WhenAll(names.Select(endpoints.ReadAsync))).Sum(endpoint => endpoint.InFlight);
        var held = Math.Max(1, model.Sum(share => share.Held));
        return model.GroupBy(share => share.Batch.Workspace).Select(owned =>
        {
            var running = Math.Min(owned.Sum(share => share.Unfinished), (int)Math.Round((double)inFlight * owned.Sum(share => share.Held) / held));
            var toDo = owned.Where(share => share.Batch.CancelInitiatedAt is null).ToList();
            return new ModelBacklog(
                owned.Key, model.Key, Math.Max(0, toDo.Sum(share => share.Unfinished) - running), running, toDo.Min(share => (DateTimeOffset?)share.Batch.CreatedAt));
        });
    }

    /// <summary>Per lane, the requests of pages that workers hold.</summary>
    private async Task<Dictionary<int, int>> LeasedAsync(BatchRecord batch)
        => (await pages.ReadAsync(batch.BatchId)).Leased(batch.BatchId).GroupBy(page => page.Lane).ToDictionary(lane => lane.Key, lane => lane.Sum(page => page.Count));

    private sealed record LaneShare(BatchRecord Batch, string Model, int Unfinished, int Held);
}

/// <summary>What there is to do at one moment.</summary>
/// <param name="Open">The batches that have not ended, of all workspaces, oldest first.</param>
/// <param name="Models">What each workspace has to do on each model; nothing is left out.</param>
public sealed record Backlog(IReadOnlyList<BatchRecord> Open, IReadOnlyList<ModelBacklog> Models);

/// <summary>What one workspace has to do on one model.</summary>
/// <param name="Workspace">The workspace.</param>
/// <param name="Model">The model.</param>
/// <param name="Waiting">Requests that are accepted, have no result and are not in flight; none of batches that are being canceled.</param>
/// <param name="InFlight">Requests that a model is answering, as workers said within the last seconds; where workspaces share a model, an estimate.</param>
/// <param name="OldestAt">When the oldest batch was created of which requests wait or are in flight; null where all are being canceled.</param>
public sealed record ModelBacklog(string Workspace, string Model, int Waiting, int InFlight, DateTimeOffset? OldestAt);
