namespace BatchBus.Inference.Routing;

/// <summary>Which model executes a request, bound from <c>BatchBus:Routing</c>.</summary>
public sealed class RoutingOptions
{
    /// <summary>The section.</summary>
    public const string SectionName = "BatchBus:Routing";

    /// <summary>The model of each stage. What is configured is added to the defaults or replaces the model of the same stage.</summary>
    /// <value>sales_intel and polish run on llama-70b, subject and email on mistral-7b.</value>
    public Dictionary<string, string> Stages { get; } = new(StringComparer.OrdinalIgnoreCase)
    {
        ["sales_intel"] = "llama-70b",
        ["subject"] = "mistral-7b",
        ["email"] = "mistral-7b",
        ["polish"] = "llama-70b",
    };

    /// <summary>Patterns over <c>params.model</c> in the order in which they are tried. Any that are configured replace all defaults.</summary>
    /// <value>claude-haiku-* to mistral-7b; claude-sonnet-* and claude-opus-* to llama-70b.</value>
    public List<ModelAlias> Aliases { get; } = [];

    /// <summary>The model for a request that names no hint, stage or model.</summary>
    /// <value>mistral-7b.</value>
    public string DefaultModel { get; set; } = "mistral-7b";

    // The binder appends to a list, so defaults that sat in it could never be replaced.
    internal IReadOnlyList<ModelAlias> AliasesOrDefaults => Aliases.Count > 0
        ? Aliases
        :
        [
            new ModelAlias { Pattern = "claude-haiku-*", Model = "mistral-7b" },
            new ModelAlias { Pattern = "claude-sonnet-*", Model = "llama-70b" },
            new ModelAlias { Pattern = "claude-opus-*", Model = "llama-70b" },
        ];
}
