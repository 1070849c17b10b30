namespace BatchBus.Inference.Routing;

/// <summary>What chose a request's model, in order of precedence.</summary>
public enum RouteRule
{
    /// <summary>The request's <c>metadata.model_hint</c>.</summary>
    ModelHint = 1,

    /// <summary>The request's own <c>metadata.stage</c>.</summary>
    RequestStage = 2,

    /// <summary>The batch's <c>stage</c>.</summary>
    BatchStage = 3,

    /// <summary><c>params.model</c>, as the name of a model of the catalogue.</summary>
    Model = 4,

    /// <summary><c>params.model</c>, by a pattern.</summary>
    Alias = 5,

    /// <summary>Nothing was named.</summary>
    Default = 6,
}
