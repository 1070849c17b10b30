namespace BatchBus.Inference.Catalog;

/// <summary>What a managed model costs, to set a self-hosted model's cost against.</summary>
public sealed class ManagedPrice
{
    /// <summary>The managed model's name as it is shown beside each figure.</summary>
    public string Name { get; init; } = "";

    /// <summary>US dollars per million input tokens at the batch rate.</summary>
    public decimal InputDollarsPerMillion { get; init; }

    /// <summary>US dollars per million output tokens at the batch rate.</summary>
    public decimal OutputDollarsPerMillion { get; init; }

    /// <summary>The day on which the price was read.</summary>
    public DateOnly AsOf { get; init; }
}
