using BatchBus.Inference.Catalog;
using Microsoft.Extensions.Options;

namespace BatchBus.Inference.Routing;

internal sealed class RoutingOptionsValidator(ModelNames models) : IValidateOptions<RoutingOptions>
{
    public ValidateOptionsResult Validate(string? name, RoutingOptions options)
    {
        var targets = options.Stages
            .Select(stage => (Setting: $"Stages:{stage.Key}", Model: stage.Value))
            .Concat(options.Aliases.Select((alias, index) => (Setting: $"Aliases:{index}:Model", alias.Model)))
            .Append((Setting: "DefaultModel", Model: options.DefaultModel));
        var problems = targets
            .Where(target => !models.Contains(target.Model))
            .Select(target => $"{RoutingOptions.SectionName}:{target.Setting} names the model \"{target.Model}\", which is not in the catalogue; "
                + $"use one of {string.Join(", ", models.All)}, or configure {ModelOptions.SectionName}:{target.Model}.")
            .Concat(options.Aliases
                .Select((alias, index) => (alias.Pattern, index))
                .Where(alias => string.IsNullOrWhiteSpace(alias.Pattern))
                .Select(alias => $"{RoutingOptions.SectionName}:Aliases:{alias.index}:Pattern is missing; set a pattern such as gpt-4o-*."))
            .ToList();
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}
