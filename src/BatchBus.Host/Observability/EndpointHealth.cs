using System.Globalization;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Resilience;
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
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var outages = new List<(string Endpoint, EndpointOutage Outage)>();
            foreach (var endpoint in catalog.Models.SelectMany(model => model.Endpoints))
            {
                if (await endpoints.OutageAsync(endpoint.Name).WaitAsync(Patience, cancellationToken) is { } outage)
                {
                    outages.Add((endpoint.Name, outage));
                }
            }

            return outages.Count == 0
                ? PartHealth.Ready("Every model endpoint is in use.")
                : PartHealth.Alarm(
                    string.Join(' ', outages.Select(outage => Description(outage.Endpoint, outage.Outage))),
                    string.Join(' ', outages.Select(outage => (outages.Count == 1 ? "" : $"{outage.Endpoint}: ") + Remedy(outage.Endpoint, outage.Outage))));
        }
        catch (Exception exception) when (exception is RedisException or RedisTimeoutException or TimeoutException)
        {
            // What this means for the process is another check's to say.
            return PartHealth.Ready($"Not known while Redis does not answer ({exception.GetType().Name}).");
        }
    }

    internal static string Remedy(string endpoint, EndpointOutage outage)
        => $"{OutageAdvice.Of(outage.Reason, endpoint)} It is tried again every {(outage.IsStopped ? "minute" : "few seconds")}; until then its requests wait or go to the next endpoint.";

    private static string Description(string endpoint, EndpointOutage outage) => string.Create(
        CultureInfo.InvariantCulture,
        $"The endpoint {endpoint} is {(outage.IsStopped ? "stopped until it is mended" : "out of use")} since {outage.Since:yyyy-MM-dd HH:mm} UTC ({outage.Reason}).");
}
