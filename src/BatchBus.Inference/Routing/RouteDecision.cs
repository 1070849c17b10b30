using System.Diagnostics.CodeAnalysis;

namespace BatchBus.Inference.Routing;

/// <summary>Which model executes a request, or why none does.</summary>
public sealed record RouteDecision
{
    internal RouteDecision(RouteRule rule, string model)
    {
        Rule = rule;
        Model = model;
    }

    internal RouteDecision(RouteRule rule, InferenceOutcome.Refused failure)
    {
        Rule = rule;
        Failure = failure;
    }

    /// <summary>The rule that decided.</summary>
    public RouteRule Rule { get; }

    /// <summary>The model of the catalogue; null where there is a <see cref="Failure"/>.</summary>
    public string? Model { get; }

    /// <summary>The error with which the request ends; null where there is a <see cref="Model"/>.</summary>
    public InferenceOutcome.Refused? Failure { get; }

    /// <summary>Whether there is a model.</summary>
    [MemberNotNullWhen(true, nameof(Model))]
    [MemberNotNullWhen(false, nameof(Failure))]
    public bool HasModel => Model is not null;

    /// <summary>Whether a stage of the whole batch overrides this decision, a failure included: it ranks above <c>params.model</c>.</summary>
    public bool YieldsToBatchStage => Rule > RouteRule.BatchStage;
}
