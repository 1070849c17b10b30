using System.Globalization;
using StackExchange.Redis;

namespace BatchBus.Storage.Endpoints;

/// <summary>What workers have to agree on about an endpoint: how many calls each may have in flight, and whether it is out of use.</summary>
public sealed class EndpointStore(IConnectionMultiplexer redis, TimeProvider time)
{
    /// <summary>A worker that is not heard of for so long gives its share back; it starts no calls any more by then.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromSeconds(5);

    private const string Circuit = "circuit";
    private const string Trial = "trial";

    private static readonly Script Share = Script.Load("share_endpoint");
    private static readonly Script ClaimTrial = Script.Load("claim_trial");

    private IDatabase Database => redis.GetDatabase();

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Says what a worker has and wants, and learns what it may have.</summary>
    /// <param name="endpoint">The endpoint's name.</param>
    /// <param name="worker">The worker's own id.</param>
    /// <param name="held">Calls that it may have in flight until it learns the answer.</param>
    /// <param name="wanted">Calls that it would have in flight if there were no others.</param>
    /// <param name="most">Most calls over all workers; null for no such bound.</param>
    /// <param name="inFlight">Calls that it has in flight now, for <see cref="ReadAsync"/>.</param>
    /// <param name="limit">Calls that it would let be in flight now, likewise.</param>
    public async Task<EndpointShare> ShareAsync(string endpoint, string worker, int held, int wanted, int? most, int inFlight = 0, int limit = 0)
    {
        var answer = (RedisResult[])(await Share.RunAsync(
            Database, [Key(endpoint)], [worker, held, wanted, most is { } bound ? bound : "", Now, (long)Memory.TotalMilliseconds, inFlight, limit]))!;
        if (answer.Length > 5)
        {
            await Database.HashDeleteAsync(Key(endpoint), [.. answer[5..].Select(field => (RedisValue)field)]);
        }

        return new EndpointShare((int)answer[0], (int)answer[1], (int)answer[2], (int)answer[3] == 1, answer[4].IsNull ? null : Parse((string)answer[4]!));
    }

    /// <summary>A worker uses the endpoint no more.</summary>
    public Task LeaveAsync(string endpoint, string worker) => Database.HashDeleteAsync(Key(endpoint), $"w:{worker}");

    /// <summary>Takes an endpoint out of use for all workers.</summary>
    public Task OpenAsync(string endpoint, bool isStopped, string reason)
        => Database.HashSetAsync(Key(endpoint), Circuit, string.Create(CultureInfo.InvariantCulture, $"{Now}|{(isStopped ? 1 : 0)}|{reason}"));

    /// <summary>Brings an endpoint back into use.</summary>
    public Task CloseAsync(string endpoint) => Database.HashDeleteAsync(Key(endpoint), [Circuit, Trial]);

    /// <summary>Why an endpoint is out of use; null where it is not.</summary>
    public async Task<EndpointOutage?> OutageAsync(string endpoint)
        => await Database.HashGetAsync(Key(endpoint), Circuit) is { IsNull: false } circuit ? Parse(circuit!) : null;

    /// <summary>What all workers together know of an endpoint.</summary>
    public async Task<EndpointState> ReadAsync(string endpoint)
    {
        var (workers, inFlight, limit) = (0, 0, 0);
        EndpointOutage? outage = null;
        foreach (var entry in await Database.HashGetAllAsync(Key(endpoint)))
        {
            if (entry.Name == Circuit)
            {
                outage = Parse(entry.Value!);
            }
            else if (((string)entry.Name!).StartsWith("w:", StringComparison.Ordinal)
                && ((string)entry.Value!).Split('|').Select(number => long.Parse(number, CultureInfo.InvariantCulture)).ToArray() is [_, _, var expiry, var calls, var most]
                && expiry > Now)
            {
                (workers, inFlight, limit) = (workers + 1, inFlight + (int)calls, limit + (int)most);
            }
        }

        return new EndpointState(workers, inFlight, limit, outage);
    }

    /// <summary>Asks for the right to try an endpoint that is out of use; one worker gets it in each interval.</summary>
    public async Task<bool> ClaimTrialAsync(string endpoint, TimeSpan interval)
        => (int)await ClaimTrial.RunAsync(Database, [Key(endpoint)], [Now, (long)interval.TotalMilliseconds]) == 1;

    private static RedisKey Key(string endpoint) => $"batchbus:endpoint:{endpoint}";

    private static EndpointOutage Parse(string circuit)
    {
        var parts = circuit.Split('|', 3);
        return new EndpointOutage(DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(parts[0], CultureInfo.InvariantCulture)), parts[1] == "1", parts[2]);
    }
}
