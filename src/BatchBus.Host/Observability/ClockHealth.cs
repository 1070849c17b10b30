using BatchBus.Storage.Clock;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace BatchBus.Host.Observability;

/// <summary>Whether the clock of this machine and that of the Redis server agree.</summary>
internal sealed class ClockHealth(StoreClock clock) : IHealthCheck
{
    /// <summary>Nothing here is wrong by less; a certificate or a log may be by more.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(30);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        => Task.FromResult(clock.ProcessAhead is { } ahead ? Judge(ahead) : PartHealth.Ready("The clock of the Redis server is not known yet."));

    /// <param name="ahead">By how much the clock of this machine is ahead of the Redis server's.</param>
    internal static HealthCheckResult Judge(TimeSpan ahead) => ahead.Duration() < Tolerance
        ? PartHealth.Ready("The clocks of this machine and of the Redis server agree.")
        : PartHealth.Alarm(
            $"The clock of this machine ({Environment.MachineName}) is {Words(ahead.Duration())} {(ahead > TimeSpan.Zero ? "ahead of" : "behind")} the clock of the Redis server.",
            "One of the two is wrong: compare both with the right time, and let the machines keep it (timedatectl set-ntp true). "
            + "Until then batches expire and are removed by the clock of the Redis server, while times in this log are of this machine.");

    private static string Words(TimeSpan time) => time < TimeSpan.FromMinutes(2)
        ? $"{time.TotalSeconds:0} seconds"
        : Math.Round(time.TotalMinutes) is var minutes && minutes < 60 ? $"{minutes:0} minutes" : $"{Math.Floor(minutes / 60):0} h {minutes % 60:0} min";
}
