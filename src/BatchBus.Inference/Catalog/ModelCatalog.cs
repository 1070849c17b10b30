using System.Diagnostics.CodeAnalysis;
using BatchBus.Inference.Routing;
using Microsoft.Extensions.Options;

namespace BatchBus.Inference.Catalog;

/// <summary>
/// The models that batches can be executed on and the stages that choose among them. Names are compared without regard to case, as
/// settings are; what is returned is always the catalogue's own spelling.
/// </summary>
public sealed class ModelCatalog
{
    private readonly Dictionary<string, CatalogModel> _models = new(StringComparer.OrdinalIgnoreCase);
    private readonly SortedDictionary<string, string> _stages = new(StringComparer.OrdinalIgnoreCase);

    internal ModelCatalog(ModelNames names, IOptionsMonitor<ModelOptions> models, RoutingOptions routing)
    {
        foreach (var name in names.All)
        {
            _models.Add(name, new CatalogModel(name, models.Get(name)));
        }

        foreach (var (stage, model) in routing.Stages)
        {
            _stages.Add(stage, _models[model].Name);
        }

        Models = [.. _models.Values];
        Stages = [.. _stages.Keys];
        EndpointsOfModels = Models.SelectMany(model => model.Endpoints, (model, endpoint) => (Model: model.Name, Endpoint: endpoint.Name)).ToLookup(pair => pair.Model, pair => pair.Endpoint);
    }

    /// <summary>Every model, the built-in ones first.</summary>
    public IReadOnlyList<CatalogModel> Models { get; }

    /// <summary>The names of each model's endpoints, in order of preference.</summary>
    public ILookup<string, string> EndpointsOfModels { get; }

    /// <summary>Every stage, in alphabetical order.</summary>
    public IReadOnlyList<string> Stages { get; }

    /// <summary>Finds a model by its name.</summary>
    public bool TryGetModel(string name, [NotNullWhen(true)] out CatalogModel? model) => _models.TryGetValue(name, out model);

    /// <summary>Whether a stage is known; a batch-level stage that is not is the caller's mistake, see <see cref="Stages"/>.</summary>
    public bool HasStage(string stage) => _stages.ContainsKey(stage);

    /// <summary>The model that a stage runs on.</summary>
    /// <exception cref="KeyNotFoundException">The stage is unknown.</exception>
    public string ModelOfStage(string stage) => _stages[stage];
}
