using System.Globalization;
using StackExchange.Redis;

namespace BatchBus.Storage.Fleet;

/// <summary>
/// Who takes part in executing a model: the workers that are alive with their slots, and the batches that are being executed. From it
/// follows how many requests of a batch may be on their way at once.
/// </summary>
public sealed class FleetStore(IConnectionMultiplexer redis, TimeProvider time)
{
    /// <summary>How long a worker counts as alive after it was last heard of.</summary>
    public static readonly TimeSpan WorkerMemory = TimeSpan.FromSeconds(10);

    private IDatabase Database => redis.GetDatabase();

    /// <summary>A worker says that it is alive.</summary>
    /// <param name="model">The model it executes.</param>
    /// <param name="worker">The worker's own id.</param>
    /// <param name="slots">Requests that it keeps in flight.</param>
    public Task ReportWorkerAsync(string model, string worker, int slots)
        => Database.HashSetAsync(
            WorkersKey(model), worker, string.Create(CultureInfo.InvariantCulture, $"{slots}|{(time.GetUtcNow() + WorkerMemory).ToUnixTimeMilliseconds()}"));

    /// <summary>A worker says goodbye.</summary>
    public Task RemoveWorkerAsync(string model, string worker) => Database.HashDeleteAsync(WorkersKey(model), worker);

    /// <summary>A batch begins to be executed by a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batchId">The batch.</param>
    /// <param name="workspace">Who owns it.</param>
    /// <param name="weight">The workspace's weight.</param>
    public Task AddBatchAsync(string model, Guid batchId, string workspace, double weight)
        => Database.HashSetAsync(BatchesKey(model), batchId.ToString("N"), string.Create(CultureInfo.InvariantCulture, $"{weight}|{workspace}"));

    /// <summary>A batch needs its models no more.</summary>
    public Task RemoveBatchAsync(IEnumerable<string> models, Guid batchId)
        => Task.WhenAll(models.Distinct().Select(model => Database.HashDeleteAsync(BatchesKey(model), batchId.ToString("N"))));

    /// <summary>The batches of a workspace that a model executes.</summary>
    public async Task<IReadOnlyList<Guid>> BatchesAsync(string model, string workspace)
        => [.. (await Database.HashGetAllAsync(BatchesKey(model)))
            .Where(batch => ((string)batch.Value!).Split('|', 2)[1] == workspace)
            .Select(batch => Guid.ParseExact((string)batch.Name!, "N"))];

    /// <summary>The present state of one model's fleet; forgets workers that have not been heard of for long.</summary>
    public async Task<ModelFleet> ReadAsync(string model)
    {
        var workers = Database.HashGetAllAsync(WorkersKey(model));
        var batches = Database.HashValuesAsync(BatchesKey(model));
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        int alive = 0, slots = 0;
        foreach (var worker in await workers)
        {
            var parts = ((string)worker.Value!).Split('|');
            if (long.Parse(parts[1], CultureInfo.InvariantCulture) > now)
            {
                alive++;
                slots += int.Parse(parts[0], CultureInfo.InvariantCulture);
            }
            else
            {
                await Database.HashDeleteAsync(WorkersKey(model), worker.Name);
            }
        }

        var workspaces = (await batches)
            .Select(batch => ((string)batch!).Split('|', 2))
            .GroupBy(batch => batch[1])
            .ToDictionary(owned => owned.Key, owned => new WorkspaceShare(owned.Max(batch => double.Parse(batch[0], CultureInfo.InvariantCulture)), owned.Count()));
        return new ModelFleet(alive, slots, workspaces);
    }

    private static RedisKey WorkersKey(string model) => $"batchbus:workers:{model}";

    private static RedisKey BatchesKey(string model) => $"batchbus:active:{model}";
}

/// <summary>One model's fleet at one moment.</summary>
/// <param name="Workers">Workers that are alive.</param>
/// <param name="Slots">Requests that they keep in flight together.</param>
/// <param name="Workspaces">The workspaces that have batches being executed.</param>
public sealed record ModelFleet(int Workers, int Slots, IReadOnlyDictionary<string, WorkspaceShare> Workspaces)
{
    /// <summary>The part of the fleet that a batch may use, above 0 and at most 1: its workspace's by weight, divided among its batches.</summary>
    /// <param name="workspace">The workspace of a batch that is being executed.</param>
    public double ShareOf(string workspace)
        => Workspaces.TryGetValue(workspace, out var own) ? own.Weight / Workspaces.Values.Sum(share => share.Weight) / own.Batches : 1;
}

/// <summary>What a workspace has at work on one model.</summary>
/// <param name="Weight">Its weight.</param>
/// <param name="Batches">Its batches that are being executed.</param>
public sealed record WorkspaceShare(double Weight, int Batches);
