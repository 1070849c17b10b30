namespace BatchBus.Inference.Catalog;

/// <summary>The managed model that a model stands in for. A name of the built-in list needs no prices.</summary>
public sealed class ManagedPriceOptions
{
    /// <summary>The managed model's name as it is shown beside each figure.</summary>
    /// <value>None.</value>
    public string Name { get; set; } = "";

    /// <summary>US dollars per million input tokens.</summary>
    /// <value>The built-in list's for <see cref="Name"/>. Goes together with <see cref="OutputDollarsPerMillion"/>.</value>
    public decimal? InputDollarsPerMillion { get; set; }

    /// <summary>US dollars per million output tokens.</summary>
    /// <value>The built-in list's for <see cref="Name"/>. Goes together with <see cref="InputDollarsPerMillion"/>.</value>
    public decimal? OutputDollarsPerMillion { get; set; }

    /// <summary>The day on which the price was read.</summary>
    /// <value>The built-in list's for <see cref="Name"/>; required beside prices.</value>
    public DateOnly? AsOf { get; set; }
}
