using BatchBus.Inference;
using BatchBus.Inference.Catalog;
using BatchBus.Worker.Endpoints;
using Microsoft.Extensions.DependencyInjection;

namespace BatchBus.Worker.Execution;

/// <summary>This worker's share of every model of the catalogue.</summary>
internal sealed class ModelWorkers
{
    private readonly Dictionary<string, ModelWorker> _workers;

    public ModelWorkers(ModelCatalog catalog, IServiceProvider services, TimeProvider time)
    {
        var calls = new CallGate(catalog.Models.Sum(model => model.Prefetch * model.Endpoints.Count));
        _workers = catalog.Models.ToDictionary(model => model.Name, model => new ModelWorker(
            model.Name,
            model.Prefetch,
            [.. model.Endpoints.Select(endpoint => new EndpointGate(endpoint, services.GetRequiredKeyedService<IModelClient>(endpoint.Name), model.Prefetch, time))],
            calls));
    }

    public IEnumerable<ModelWorker> All => _workers.Values;

    public ModelWorker this[string model] => _workers[model];
}
