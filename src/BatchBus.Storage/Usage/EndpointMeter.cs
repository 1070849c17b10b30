using System.Globalization;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace BatchBus.Storage.Usage;

/// <summary>
/// GPU time that endpoints were billed for and busy, by day and for all workspaces together. A measurement, not a promise: an addition
/// that is repeated counts twice, one that is lost does not count.
/// </summary>
public sealed class EndpointMeter(IConnectionMultiplexer redis, IOptions<UsageOptions> options)
{
    private const string Billed = "billed";
    private const string Busy = "busy";

    private IDatabase Database => redis.GetDatabase();

    /// <summary>Adds what was measured since the last time.</summary>
    /// <param name="endpoint">The endpoint: the name of the model that it serves, of a further one with its rank, as <c>mistral-7b/2</c>.</param>
    /// <param name="day">The UTC day that it counts for.</param>
    /// <param name="billedMicroseconds">GPU time that was billed.</param>
    /// <param name="busyMicroseconds">GPU time in which there were requests to answer.</param>
    public async Task AddAsync(string endpoint, DateOnly day, long billedMicroseconds, long busyMicroseconds)
    {
        var transaction = Database.CreateTransaction();
        Task[] steps =
        [
            transaction.HashIncrementAsync(Key(day), $"{endpoint}|{Billed}", billedMicroseconds),
            transaction.HashIncrementAsync(Key(day), $"{endpoint}|{Busy}", busyMicroseconds),
            transaction.KeyExpireAsync(Key(day), options.Value.EndOf(day)),
        ];
        await transaction.ExecuteAsync();
        await Task.WhenAll(steps);
    }

    /// <summary>What was measured on some days together, by endpoint.</summary>
    /// <param name="from">The first day.</param>
    /// <param name="to">The last day.</param>
    public async Task<IReadOnlyList<EndpointTime>> ReadAsync(DateOnly from, DateOnly to)
    {
        var sums = new SortedDictionary<string, (long Billed, long Busy)>(StringComparer.Ordinal);
        foreach (var day in UsageOptions.Days(from, to))
        {
            foreach (var entry in await Database.HashGetAllAsync(Key(day)))
            {
                var (endpoint, kind) = ((string)entry.Name!).Split('|') is [var name, var last] ? (name, last) : throw new InvalidDataException($"A meter holds '{entry.Name}'.");
                var sum = sums.GetValueOrDefault(endpoint);
                sums[endpoint] = kind == Billed ? (sum.Billed + (long)entry.Value, sum.Busy) : (sum.Billed, sum.Busy + (long)entry.Value);
            }
        }

        return [.. sums.Select(sum => new EndpointTime(sum.Key, TimeSpan.FromMicroseconds(sum.Value.Billed), TimeSpan.FromMicroseconds(sum.Value.Busy)))];
    }

    private static RedisKey Key(DateOnly day) => string.Create(CultureInfo.InvariantCulture, $"batchbus:meter:{day:yyyy-MM-dd}");
}
