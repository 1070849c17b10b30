using StackExchange.Redis;

namespace BatchBus.Storage.Clock;

/// <summary>Asks the Redis server for its time.</summary>
internal static class ServerTime
{
    /// <summary>Milliseconds since 1970.</summary>
    public static async Task<long> NowAsync(this IDatabaseAsync database)
    {
        var time = (RedisResult[])(await database.ExecuteAsync("TIME"))!;
        return ((long)time[0] * 1000) + ((long)time[1] / 1000);
    }
}
