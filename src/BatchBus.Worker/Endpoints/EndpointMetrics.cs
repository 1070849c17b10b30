using System.Diagnostics.Metrics;
using BatchBus.Storage;
using BatchBus.Worker.Execution;
using Microsoft.Extensions.Hosting;

namespace BatchBus.Worker.Endpoints;

/// <summary>What this worker knows of its endpoints, as gauges of the meter <c>BatchBus</c>; each has the tag <c>endpoint</c>.</summary>
internal sealed class EndpointMetrics(ModelWorkers workers, IMeterFactory meters) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        var meter = meters.Create(Telemetry.Name);
        meter.CreateObservableGauge("batchbus.endpoint.out_of_use", () => Of(gate => gate.IsOutOfUse ? 1 : 0), description: "1 while the endpoint gets no calls but trials");
        meter.CreateObservableGauge("batchbus.endpoint.stopped", () => Of(gate => gate.IsStopped ? 1 : 0), description: "1 while only an operator can mend the endpoint");
        meter.CreateObservableGauge("batchbus.endpoint.in_flight", () => Of(gate => gate.InFlight), description: "Calls of this worker under way");
        meter.CreateObservableGauge("batchbus.endpoint.limit", () => Of(gate => gate.Limit), description: "Calls that this worker may have under way now");
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private IEnumerable<Measurement<int>> Of(Func<EndpointGate, int> value) => workers.All.SelectMany(worker => worker.Endpoints.Gates.Select(
        gate => new Measurement<int>(worker.Endpoints.Read(() => value(gate)), new KeyValuePair<string, object?>("endpoint", gate.Endpoint.Name))));
}
