namespace BatchBus.Inference.Catalog;

/// <summary>What a managed model costs, to set a self-hosted model's cost against.</summary>
/// <param name="Name">The managed model's name as it is shown beside each figure.</param>
/// <param name="InputDollarsPerMillion">US dollars per million input tokens.</param>
/// <param name="OutputDollarsPerMillion">US dollars per million output tokens.</param>
/// <param name="AsOf">The day on which the price was read.</param>
public sealed record ManagedPrice(string Name, decimal InputDollarsPerMillion, decimal OutputDollarsPerMillion, DateOnly AsOf)
{
    /// <summary>US dollars for so many tokens.</summary>
    /// <param name="inputTokens">Prompt tokens, cached ones included: these count in full.</param>
    /// <param name="outputTokens">Generated tokens.</param>
    public decimal DollarsFor(long inputTokens, long outputTokens)
        => ((inputTokens * InputDollarsPerMillion) + (outputTokens * OutputDollarsPerMillion)) / 1_000_000m;
}
