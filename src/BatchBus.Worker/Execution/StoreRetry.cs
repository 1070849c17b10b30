using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace BatchBus.Worker.Execution;

/// <summary>An outage of Redis or of the broker fails nothing: what was to be stored or said is kept and tried again, however long it takes.</summary>
internal static partial class StoreRetry
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    public static async Task<T> RunAsync<T>(Func<Task<T>> step, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        for (var pause = FirstPause; ; pause = TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, LongestPause.Ticks)))
        {
            try
            {
                return await step();
            }
            catch (Exception exception) when (exception is RedisException or TimeoutException or MassTransit.MassTransitException or IOException)
            {
                Log.Retried(logger, exception.GetType().Name, exception.Message);
            }

            await Task.Delay(pause, time, cancellationToken);
        }
    }

    public static Task RunAsync(Func<Task> step, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
        => RunAsync(
            async () =>
            {
                await step();
                return true;
            },
            time,
            logger,
            cancellationToken);

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Redis or RabbitMQ is not available ({Error}: {Message}); finished results are kept and tried again")]
        public static partial void Retried(ILogger logger, string error, string message);
    }
}
