using System.Collections.Frozen;
using System.IO.Enumeration;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Errors;

namespace BatchBus.Inference.Routing;

/// <summary>
/// Chooses the model for each request. A batch-level stage may arrive after the requests, so it is applied afterwards:
/// see <see cref="RouteDecision.YieldsToBatchStage"/> and <see cref="RouteBatchStage"/>.
/// </summary>
public sealed class ModelRouter
{
    private const int LongestEchoedName = 100;

    // Every decision that names a model exists once, made here: routing 100,000 requests allocates nothing and needs no cache
    // that a caller could fill.
    private readonly FrozenDictionary<string, RouteDecision> _hints;
    private readonly FrozenDictionary<string, RouteDecision> _models;
    private readonly FrozenDictionary<string, RouteDecision> _requestStages;
    private readonly FrozenDictionary<string, RouteDecision> _batchStages;
    private readonly (string Pattern, RouteDecision Decision)[] _aliases;
    private readonly RouteDecision _default;
    private readonly string _knownModels;
    private readonly string _knownStages;

    internal ModelRouter(ModelCatalog catalog, RoutingOptions options)
    {
        _hints = ByModel(RouteRule.ModelHint);
        _models = ByModel(RouteRule.Model);
        _requestStages = ByStage(RouteRule.RequestStage);
        _batchStages = ByStage(RouteRule.BatchStage);
        _aliases = [.. options.AliasesOrDefaults.Select(alias => (alias.Pattern, new RouteDecision(RouteRule.Alias, _models[alias.Model].Model!)))];
        _default = new RouteDecision(RouteRule.Default, _models[options.DefaultModel].Model!);
        _knownModels = string.Join(", ", catalog.Models.Select(model => model.Name));
        _knownStages = string.Join(", ", catalog.Stages);

        FrozenDictionary<string, RouteDecision> ByModel(RouteRule rule) => catalog.Models
            .ToFrozenDictionary(model => model.Name, model => new RouteDecision(rule, model.Name), StringComparer.OrdinalIgnoreCase);

        FrozenDictionary<string, RouteDecision> ByStage(RouteRule rule) => catalog.Stages
            .ToFrozenDictionary(stage => stage, stage => new RouteDecision(rule, catalog.ModelOfStage(stage)), StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Routes one request by what it says itself; null means absent.</summary>
    /// <param name="modelHint">The request's <c>metadata.model_hint</c>.</param>
    /// <param name="requestStage">The request's <c>metadata.stage</c>.</param>
    /// <param name="model">The request's <c>params.model</c>.</param>
    /// <returns>The decision that holds unless it yields to a stage of the batch.</returns>
    public RouteDecision Route(string? modelHint, string? requestStage, string? model)
    {
        if (modelHint is not null)
        {
            return _hints.GetValueOrDefault(modelHint) ?? Unknown(RouteRule.ModelHint, "metadata.model_hint", "model", modelHint, _knownModels);
        }

        if (requestStage is not null)
        {
            return _requestStages.GetValueOrDefault(requestStage) ?? Unknown(RouteRule.RequestStage, "metadata.stage", "stage", requestStage, _knownStages);
        }

        if (model is null)
        {
            return _default;
        }

        return _models.GetValueOrDefault(model) ?? ByAlias(model) ?? Unknown(RouteRule.Model, "model", "model", model, _knownModels);
    }

    /// <summary>The decision for every request of a batch that yields to the batch's stage.</summary>
    /// <exception cref="KeyNotFoundException">The stage is unknown; ask <see cref="ModelCatalog.HasStage"/> first.</exception>
    public RouteDecision RouteBatchStage(string stage) => _batchStages[stage];

    private static RouteDecision Unknown(RouteRule rule, string field, string kind, string name, string known)
    {
        var message = $"{field}: unknown {kind} \"{Excerpt.Of(name, LongestEchoedName)}\"; known {kind}s: {known}";
        return new RouteDecision(rule, new InferenceOutcome.Refused("not_found_error", message));
    }

    private RouteDecision? ByAlias(string model)
    {
        foreach (var (pattern, decision) in _aliases)
        {
            if (FileSystemName.MatchesSimpleExpression(pattern, model))
            {
                return decision;
            }
        }

        return null;
    }
}
