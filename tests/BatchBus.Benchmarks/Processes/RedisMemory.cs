using System.Globalization;
using StackExchange.Redis;

namespace BatchBus.Benchmarks.Processes;

internal static class RedisMemory
{
    /// <summary>Bytes that Redis has allocated for its data and for itself.</summary>
    public static async Task<long> UsedAsync(ConnectionMultiplexer redis)
    {
        var memory = await redis.GetServers()[0].InfoAsync("memory");
        return long.Parse(memory.SelectMany(section => section).Single(entry => entry.Key == "used_memory").Value, CultureInfo.InvariantCulture);
    }
}
