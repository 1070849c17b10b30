using System.Globalization;
using BatchBus.Cli.Batches;
using StackExchange.Redis;

namespace BatchBus.Cli.Doctor;

/// <summary>Whether Redis can be reached, keeps what it is given, takes writes, and agrees on the time.</summary>
/// <param name="connectionString">As the setting has it.</param>
/// <param name="time">This machine's clock.</param>
internal sealed class RedisChecks(string connectionString, TimeProvider time)
{
    private const string Name = "redis";
    private const string Setting = "ConnectionStrings__Redis";
    private const string Probe = "batchbus:doctor";

    /// <summary>With this release on, it is the one that the tests run on.</summary>
    private const int TestedMajorVersion = 7;

    private const double FullMemory = 0.8;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <summary>Beyond what clocks that are kept in time by the network show.</summary>
    private static readonly TimeSpan NoticeableDifference = TimeSpan.FromSeconds(2);

    /// <summary>Receivers refuse webhooks, and endpoints certificates, that are off by minutes.</summary>
    private static readonly TimeSpan HarmfulDifference = TimeSpan.FromMinutes(1);

    public async Task<IReadOnlyList<Finding>> RunAsync()
    {
        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(connectionString);
        }
        catch (ArgumentException exception)
        {
            return [Finding.Problem(Name, $"{Setting} cannot be read: {exception.Message}", $"Write it as host:port, such as redis:6379.")];
        }

        options.AbortOnConnectFail = true;
        options.AllowAdmin = true; // CONFIG is an administrator's command
        options.ConnectRetry = 1;
        options.ConnectTimeout = options.AsyncTimeout = (int)Patience.TotalMilliseconds;
        options.ClientName = "batchbus-doctor";
        options.IncludeDetailInExceptions = false;
        var servers = string.Join(", ", options.EndPoints.Select(EndPointCollection.ToString));
        try
        {
            await using var connection = await ConnectionMultiplexer.ConnectAsync(options);
            return await LookAsync(connection.GetDatabase(), servers);
        }
        catch (RedisConnectionException exception) when (exception.FailureType is ConnectionFailureType.AuthenticationFailure || IsRefusal(exception.Message))
        {
            return [Refused(servers)];
        }
        catch (RedisServerException exception) when (IsRefusal(exception.Message))
        {
            return [Refused(servers)];
        }
        catch (Exception exception) when (exception is RedisException or RedisTimeoutException or TimeoutException)
        {
            return
            [
                Finding.Problem(
                    Name,
                    $"Redis cannot be reached at {servers}.",
                    $"Start it (`systemctl start redis-server`, `docker compose up -d redis`), or mend {Setting}. Batches wait meanwhile; nothing is lost."),
            ];
        }
    }

    private static bool IsRefusal(string message)
        => message.Contains("NOAUTH", StringComparison.Ordinal) || message.Contains("WRONGPASS", StringComparison.Ordinal) || message.Contains("invalid password", StringComparison.OrdinalIgnoreCase);

    private static Finding Refused(string servers)
        => Finding.Problem(Name, $"Redis at {servers} refuses the user or password.", $"Set password= (and user=, where it has users) in {Setting}.");

    private async Task<IReadOnlyList<Finding>> LookAsync(IDatabase database, string servers)
    {
        var info = await InfoAsync(database);
        var findings = new List<Finding> { VersionOf(info, servers), await WritesAsync(database, info) };
        findings.AddRange(await DurabilityAsync(database, info));
        findings.AddRange(MemoryOf(info));
        findings.Add(await ClockAsync(database));
        return findings;
    }

    private static Finding VersionOf(Dictionary<string, string> info, string servers)
    {
        var version = info.GetValueOrDefault("redis_version", "of an unknown version");
        return int.TryParse(version.Split('.')[0], CultureInfo.InvariantCulture, out var major) && major < TestedMajorVersion
            ? Finding.Warning(Name, $"Redis {version} answers at {servers}; BatchBus is tested with {TestedMajorVersion} and later.", $"Use Redis {TestedMajorVersion} or later.")
            : Finding.Ok(Name, $"Redis {version} answers at {servers}.");
    }

    private static async Task<Finding> WritesAsync(IDatabase database, Dictionary<string, string> info)
    {
        const string Check = "redis writes";
        try
        {
            await database.StringSetAsync(Probe, "1", TimeSpan.FromSeconds(10));
        }
        catch (RedisServerException exception) when (exception.Message.StartsWith("OOM", StringComparison.Ordinal))
        {
            return Finding.Problem(
                Check,
                $"Redis takes no writes: it is full ({Sizes.Text(Number(info, "used_memory"))} used, maxmemory {Sizes.Text(Number(info, "maxmemory"))}).",
                "Raise its maxmemory, or delete batches that have ended. New batches are refused meanwhile; those that were taken in go on afterwards.");
        }
        catch (RedisServerException exception) when (exception.Message.StartsWith("MISCONF", StringComparison.Ordinal))
        {
            return Finding.Problem(
                Check,
                "Redis takes no writes: it cannot write to its disk, which may be full.",
                "Free space where Redis keeps its files; its log says what failed. It takes writes again by itself.");
        }
        catch (RedisServerException exception) when (exception.Message.StartsWith("READONLY", StringComparison.Ordinal))
        {
            return Finding.Problem(Check, "Redis takes no writes: it is a replica.", $"Point {Setting} at the primary.");
        }
        catch (RedisServerException exception)
        {
            return Finding.Problem(Check, $"Redis takes no writes: {exception.Message}", "Give the user in the connection string all commands and the keys batchbus:*.");
        }

        return info.GetValueOrDefault("aof_last_write_status") is "err" || info.GetValueOrDefault("rdb_last_bgsave_status") is "err"
            ? Finding.Problem(Check, "Redis takes writes, but its last write to disk failed.", "Free space where Redis keeps its files; its log says what failed.")
            : Finding.Ok(Check, "Redis takes writes.");
    }

    private static async Task<IReadOnlyList<Finding>> DurabilityAsync(IDatabase database, Dictionary<string, string> info)
    {
        const string Check = "redis durability";
        if (info.GetValueOrDefault("aof_enabled") == "0")
        {
            return [Finding.Warning(Check, "Redis keeps no append-only file: what it has not saved yet is lost when it stops.", "Set appendonly yes and appendfsync always in redis.conf.")];
        }

        try
        {
            var config = (string[])(await database.ExecuteAsync("CONFIG", "GET", "appendfsync"))!;
            return config is [_, var fsync] && fsync != "always"
                ? [Finding.Warning(Check, $"Redis has appendfsync {fsync}: a crash may lose its last second, with the batches that were created in it.", "Set appendfsync always in redis.conf.")]
                : [Finding.Ok(Check, "Redis has every write on disk before it answers (appendfsync always).")];
        }
        catch (RedisServerException)
        {
            return [Finding.Ok(Check, "Redis keeps an append-only file; how often it writes it is not shown to this user (CONFIG is not allowed).")];
        }
    }

    private static IEnumerable<Finding> MemoryOf(Dictionary<string, string> info)
    {
        const string Check = "redis memory";
        var (used, most) = (Number(info, "used_memory"), Number(info, "maxmemory"));
        var policy = info.GetValueOrDefault("maxmemory_policy", "noeviction");
        if (policy != "noeviction")
        {
            yield return Finding.Problem(Check, $"Redis deletes data when it is full (maxmemory-policy {policy}): batches would vanish.", "Set maxmemory-policy noeviction in redis.conf.");
        }

        var limit = most > 0 ? most : Number(info, "total_system_memory");
        var text = $"Redis uses {Sizes.Text(used)} of {Sizes.Text(limit)}{(most > 0 ? "" : ", which is all that the machine has")}";
        yield return limit > 0 && used > limit * FullMemory
            ? Finding.Warning(Check, $"{text}; at the end of it, new batches are refused.", "Give it more memory, or delete batches that have ended.")
            : Finding.Ok(Check, $"{text}.");
    }

    private async Task<Finding> ClockAsync(IDatabase database)
    {
        const string Check = "clock";
        var before = time.GetUtcNow();
        var answer = (RedisResult[])(await database.ExecuteAsync("TIME"))!;
        var after = time.GetUtcNow();
        var server = DateTimeOffset.FromUnixTimeSeconds((long)answer[0]).AddMicroseconds((long)answer[1]);
        var here = before + ((after - before) / 2);
        var difference = (server - here).Duration();
        if (difference <= NoticeableDifference)
        {
            return Finding.Ok(Check, "This machine and Redis agree on the time.");
        }

        var what = string.Create(
            CultureInfo.InvariantCulture, $"The clocks are {Duration.Text(difference)} apart: this machine has {here:yyyy-MM-dd HH:mm:ss}, Redis has {server:yyyy-MM-dd HH:mm:ss} (UTC).");
        const string Remedy = "Set the wrong one, and keep both by the network (`timedatectl set-ntp true`). Batches expire by Redis's clock, and webhooks are signed with its time.";
        return difference > HarmfulDifference ? Finding.Problem(Check, what, Remedy) : Finding.Warning(Check, what, Remedy);
    }

    private static async Task<Dictionary<string, string>> InfoAsync(IDatabase database)
    {
        var info = new Dictionary<string, string>();
        foreach (var line in ((string)(await database.ExecuteAsync("INFO"))!).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.IndexOf(':', StringComparison.Ordinal) is var colon and > 0)
            {
                info[line[..colon]] = line[(colon + 1)..];
            }
        }

        return info;
    }

    private static long Number(Dictionary<string, string> info, string name)
        => long.TryParse(info.GetValueOrDefault(name), CultureInfo.InvariantCulture, out var number) ? number : 0;
}
