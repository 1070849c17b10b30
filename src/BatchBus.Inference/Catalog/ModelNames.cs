using Microsoft.Extensions.Configuration;

namespace BatchBus.Inference.Catalog;

/// <summary>The names in the catalogue: fixed at registration, because queues and clients are registered by them.</summary>
internal sealed class ModelNames(IReadOnlyList<string> names)
{
    public IReadOnlyList<string> All { get; } = names;

    public static ModelNames From(IConfiguration configuration)
    {
        var configured = configuration.GetSection(ModelOptions.SectionName).GetChildren().Select(child => child.Key);
        return new ModelNames([.. BuiltInModels.Names.Concat(configured).Distinct(StringComparer.OrdinalIgnoreCase)]);
    }

    public bool Contains(string name) => All.Contains(name, StringComparer.OrdinalIgnoreCase);
}
