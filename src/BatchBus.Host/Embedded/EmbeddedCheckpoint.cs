using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace BatchBus.Host.Embedded;

/// <summary>Writes a checkpoint of the embedded store now and then, so that its append-only file does not grow without end.</summary>
internal sealed partial class EmbeddedCheckpoint(IConnectionMultiplexer redis, HostSettings settings, TimeProvider time, ILogger<EmbeddedCheckpoint> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(settings.CheckpointEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await redis.GetDatabase().ExecuteAsync("BGSAVE");
            }
            catch (Exception exception)
            {
                Log.Failed(logger, exception.Message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The embedded store could not write a checkpoint ({Message}); its append-only file goes on growing until it can")]
        public static partial void Failed(ILogger logger, string message);
    }
}
