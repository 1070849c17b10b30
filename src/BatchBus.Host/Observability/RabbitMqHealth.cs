using MassTransit;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace BatchBus.Host.Observability;

/// <summary>Whether the bus is connected and every queue of this process is being worked.</summary>
internal sealed class RabbitMqHealth(IBusControl bus, HostSettings settings) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(Check());

    private HealthCheckResult Check()
    {
        var health = bus.CheckHealth();
        if (health.Status is BusHealthStatus.Healthy)
        {
            return PartHealth.Ready(settings.IsEmbedded ? "The bus within this process runs." : "RabbitMQ answers and every queue is being worked.");
        }

        if (settings.RabbitMq is not { } connectionString)
        {
            return PartHealth.NotReady("The bus within this process does not run yet.", "Wait a few seconds. If it stays so, see the log.");
        }

        var address = new Uri(connectionString);
        var server = address.IsDefaultPort || address.Port < 0 ? address.Host : $"{address.Host}:{address.Port}";
        var problem = $"{health.Exception}";
        if (problem.Contains("ACCESS_REFUSED", StringComparison.Ordinal) || problem.Contains("AuthenticationFailure", StringComparison.Ordinal))
        {
            return PartHealth.NotReady(
                $"RabbitMQ at {server} refuses the user or its password.",
                "Check user and password in ConnectionStrings__RabbitMq, and that the user may configure, write and read in the virtual host.");
        }

        if (problem.Contains("NOT_ALLOWED", StringComparison.Ordinal))
        {
            return PartHealth.NotReady(
                $"RabbitMQ at {server} has no virtual host {address.AbsolutePath} for this user.",
                "Create it (rabbitmqctl add_vhost, set_permissions), or correct the end of ConnectionStrings__RabbitMq.");
        }

        return PartHealth.NotReady(
            $"RabbitMQ cannot be reached at {server}, or not all of its queues are being worked.",
            "Start it, or correct ConnectionStrings__RabbitMq. Batches are taken in meanwhile, and executed once it is back.");
    }
}
