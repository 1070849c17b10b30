using BatchBus.Inference.Catalog;
using BatchBus.Storage.Endpoints;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using StackExchange.Redis;

namespace BatchBus.Host.Observability;

/// <summary>
/// Raises an alarm for endpoints that are out of use. The process is ready all the same: batches are taken in and wait, none of their
/// requests is lost.
/// </summary>
internal sealed class EndpointHealth(ModelCatalog catalog, EndpointStore endpoints) : IHealthCheck
{
    /// <summary>In a result's data: something is wrong that does not make the process unready.</summary>
    public const string Alarm = "alarm";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var alarms = new List<string>();
            foreach (var endpoint in catalog.Models.SelectMany(model => model.Endpoints))
            {
                if (await endpoints.OutageAsync(endpoint.Name).WaitAsync(Patience, cancellationToken) is { } outage)
                {
                    alarms.Add($"{endpoint.Name} is {(outage.IsStopped ? "stopped until it is mended" : "out of use")} since {outage.Since:O} ({outage.Reason})");
                }
            }

            return alarms.Count == 0
                ? HealthCheckResult.Healthy()
                : HealthCheckResult.Healthy(string.Join("; ", alarms), new Dictionary<string, object> { [Alarm] = true });
        }
        catch (Exception exception) when (exception is RedisException or RedisTimeoutException or TimeoutException)
        {
            // What this means for the process is another check's to say.
            return HealthCheckResult.Healthy($"not known ({exception.GetType().Name})");
        }
    }
}
