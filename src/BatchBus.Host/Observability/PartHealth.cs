using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace BatchBus.Host.Observability;

/// <summary>
/// What a part of the process says of itself, for an operator: how it is, what is wrong, what to do. <c>/health/ready</c> and the log use the
/// same words, and so does whatever reads <c>/health/ready</c>.
/// </summary>
internal static class PartHealth
{
    private const string AlarmKey = "alarm";
    private const string RemedyKey = "remedy";

    public static HealthCheckResult Ready(string description) => HealthCheckResult.Healthy(description);

    /// <summary>The process cannot do its work.</summary>
    public static HealthCheckResult NotReady(string description, string remedy)
        => HealthCheckResult.Unhealthy(description, data: new Dictionary<string, object> { [RemedyKey] = remedy });

    /// <summary>Something is wrong that somebody should look at; the process works all the same.</summary>
    public static HealthCheckResult Alarm(string description, string remedy)
        => HealthCheckResult.Healthy(description, new Dictionary<string, object> { [AlarmKey] = true, [RemedyKey] = remedy });

    public static bool IsReady(HealthReportEntry part) => part.Status is HealthStatus.Healthy;

    public static bool IsAlarm(HealthReportEntry part) => part.Data.ContainsKey(AlarmKey);

    public static string Word(HealthReportEntry part) => !IsReady(part) ? "not ready" : IsAlarm(part) ? "alarm" : "ready";

    /// <summary>What to do; null where there is nothing to be done.</summary>
    public static string? Remedy(HealthReportEntry part) => part.Data.TryGetValue(RemedyKey, out var remedy) ? (string)remedy : null;
}
