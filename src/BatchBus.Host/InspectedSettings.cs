using BatchBus.Inference.Catalog;

namespace BatchBus.Host;

/// <summary>Settings that allow a start.</summary>
/// <param name="Host">Roles and servers.</param>
/// <param name="Urls">Where the process would listen, separated by semicolons.</param>
/// <param name="Models">The catalogue; a model without an endpoint would be simulated.</param>
/// <param name="Options">The settings of each model by its name; they hold keys, and are not to be shown.</param>
public sealed record InspectedSettings(
    HostSettings Host, string Urls, IReadOnlyList<CatalogModel> Models, IReadOnlyDictionary<string, ModelOptions> Options);
