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
    public Task AddBatchAsync(string model, Guid batchId, string workspace)
        => Database.HashSetAsync(BatchesKey(model), batchId.ToString("N"), workspace);

    /// <summary>A batch needs a model no more.</summary>
    public Task RemoveBatchAsync(string model, Guid batchId) => Database.HashDeleteAsync(BatchesKey(model), batchId.ToString("N"));

    /// <summary>The present state of one model's fleet; forgets workers that have not been heard of for long.</summary>
    public async Task<ModelFleet> ReadAsync(string model)
    {
        var workers = Database.HashGetAllAsync(WorkersKey(model));
        var batches = Database.HashLengthAsync(BatchesKey(model));
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

        return new ModelFleet(alive, slots, (int)await batches);
    }

    private static RedisKey WorkersKey(string model) => $"batchbus:workers:{model}";

    private static RedisKey BatchesKey(string model) => $"batchbus:active:{model}";
}

/// <summary>One model's fleet at one moment.</summary>
/// <param name="Workers">Workers that are alive.</param>
/// <param name="Slots">Requests that they keep in flight together.</param>
/// <param name="Batches">Batches that are being executed.</param>
public sealed record ModelFleet(int Workers, int Slots, int Batches);
