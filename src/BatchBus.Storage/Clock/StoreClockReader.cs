using Microsoft.Extensions.Hosting;
using StackExchange.Redis;

namespace BatchBus.Storage.Clock;

/// <summary>Reads the server's clock now and then. A server that cannot be reached is the readiness check's to report.</summary>
internal sealed class StoreClockReader(StoreClock clock) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        do
        {
            try
            {
                await clock.ReadAsync();
            }
            catch (Exception exception) when (exception is RedisException or RedisTimeoutException)
            {
                // The clock goes on by itself, and notices the gap at the next reading.
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
