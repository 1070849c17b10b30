using BatchBus.Inference.Catalog;

namespace BatchBus.Worker.Execution;

/// <summary>This worker's share of every model of the catalogue.</summary>
internal sealed class ModelWorkers(ModelCatalog catalog)
{
    private readonly Dictionary<string, ModelWorker> _workers =
        catalog.Models.ToDictionary(model => model.Name, model => new ModelWorker(model.Name, model.Prefetch));

    public IEnumerable<ModelWorker> All => _workers.Values;

    public ModelWorker this[string model] => _workers[model];
}
