using BatchBus.Inference;
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
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var (alarms, remedies) = (new List<string>(), new List<string>());
            foreach (var (model, endpoint) in catalog.Models.SelectMany(model => model.Endpoints.Select((endpoint, rank) => (Settings(model.Name, rank), endpoint))))
            {
                if (await endpoints.OutageAsync(endpoint.Name).WaitAsync(Patience, cancellationToken) is { } outage)
                {
                    alarms.Add($"{endpoint.Name} is {(outage.IsStopped ? "stopped until it is mended" : "out of use")} since {outage.Since:O} ({outage.Reason})");
                    remedies.Add(Remedy(endpoint.Name, model, outage));
                }
            }

            return alarms.Count == 0 ? PartHealth.Ready("Every model endpoint is in use.") : PartHealth.Alarm(string.Join("; ", alarms) + ".", string.Join(" ", remedies));
        }
        catch (Exception exception) when (exception is RedisException or RedisTimeoutException or TimeoutException)
        {
            // What this means for the process is another check's to say.
            return PartHealth.Ready($"Not known while Redis does not answer ({exception.GetType().Name}).");
        }
    }

    internal static string Remedy(string endpoint, string settings, EndpointOutage outage)
    {
        if (!outage.IsStopped)
        {
            return $"{endpoint}: nothing, if it comes back by itself, for it is tried again every few seconds and its requests wait or go to the next endpoint. "
                + "Otherwise look at the model server: whether it runs, its log, its load.";
        }

        // The reason begins with the error's name, as the worker that stopped the endpoint wrote it.
        return outage.Reason.StartsWith($"{nameof(InferenceError.Unauthorized)}:", StringComparison.Ordinal)
            ? $"{endpoint}: set {settings}ApiKey to a key that the endpoint accepts and start the workers again, or put the key right at the provider; on RunPod, look at the balance as well. Its requests wait."
            : $"{endpoint}: check {settings}EndpointId or {settings}BaseUrl, {settings}Protocol and {settings}ServedModel, and start the workers again, or mend the endpoint. Its requests wait.";
    }

    private static string Settings(string model, int rank)
        => rank == 0 ? $"BatchBus__Models__{model}__" : $"BatchBus__Models__{model}__Fallbacks__{rank - 1}__";
}
