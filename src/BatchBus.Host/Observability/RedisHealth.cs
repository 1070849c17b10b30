using System.Net;
using BatchBus.Storage;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using StackExchange.Redis;

namespace BatchBus.Host.Observability;

/// <summary>Whether Redis answers, and takes writes: one with a full disk or full memory goes on answering reads.</summary>
internal sealed class RedisHealth(IConnectionMultiplexer redis, StoreRoom room, HostSettings settings) : IHealthCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ProbeMemory = TimeSpan.FromMinutes(1);
    private static readonly RedisKey Probe = "batchbus:probe";

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await redis.GetDatabase().StringSetAsync(Probe, "1", ProbeMemory).WaitAsync(Patience, cancellationToken);
            return room.Problem is { } problem
                ? PartHealth.Alarm("The embedded store is full: new batches are refused, those that it has go on.", problem)
                : PartHealth.Ready("Redis answers and takes writes.");
        }
        catch (RedisServerException exception)
        {
            return Refused(exception.Message.Split(' ', 2)[0]);
        }
        catch (RedisConnectionException exception) when (exception.FailureType is ConnectionFailureType.AuthenticationFailure)
        {
            return Refused("NOAUTH");
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            return settings.IsEmbedded
                ? PartHealth.NotReady("The embedded store does not answer.", "See the log. If it stays so, start BatchBus again: what was stored is kept.")
                : PartHealth.NotReady(
                    $"Redis cannot be reached at {string.Join(", ", redis.GetEndPoints().Select(Format))}.",
                    "Start it, or correct ConnectionStrings__Redis. A Redis with appendfsync always ends by itself when its disk is full; its own log says so. "
                    + "Nothing is lost meanwhile: finished answers are kept until they can be stored.");
        }
    }

    /// <param name="code">The word that Redis begins its error with.</param>
    private static HealthCheckResult Refused(string code) => code switch
    {
        "MISCONF" => PartHealth.NotReady(
            "Redis refuses writes: it cannot write to its disk (MISCONF).",
            "Free space on the disk of the Redis server, or mend what its own log complains of. It takes writes again by itself, and BatchBus goes on."),
        "OOM" => PartHealth.NotReady(
            "Redis refuses writes: its memory is full (OOM).",
            "Raise maxmemory of the Redis server, delete batches that have ended, or keep results for a shorter time with BatchBus__Retention__Results."),
        "READONLY" => PartHealth.NotReady(
            "Redis refuses writes: the server is a replica (READONLY).", "Let ConnectionStrings__Redis name the primary."),
        "NOAUTH" or "WRONGPASS" or "NOPERM" => PartHealth.NotReady(
            $"Redis refuses BatchBus ({code}).", "Check user and password in ConnectionStrings__Redis, and what that user may do."),
        "LOADING" => PartHealth.NotReady("Redis is still loading its data (LOADING).", "Wait; it takes seconds per gigabyte."),
        _ => PartHealth.NotReady($"Redis refuses writes ({code}).", "See the log of the Redis server."),
    };

    private static string Format(EndPoint endpoint) => endpoint is DnsEndPoint name ? $"{name.Host}:{name.Port}" : $"{endpoint}";
}
