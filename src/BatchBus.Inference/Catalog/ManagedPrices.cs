namespace BatchBus.Inference.Catalog;

/// <summary>The managed models whose prices are built in, at the standard rate and at the batch rate, which is half of it.</summary>
internal static class ManagedPrices
{
    private static readonly DateOnly Read = new(2026, 10, 1);

    private static readonly ManagedPrice[] All =
    [
        .. AtBothRates("Claude Haiku 5.5", 0.10m, 0.50m),
        .. AtBothRates("Claude Haiku 4.5", 1.00m, 5.00m),
        .. AtBothRates("Claude Sonnet 5.5", 2.00m, 10.00m),
        .. AtBothRates("Claude Sonnet 5", 2.00m, 10.00m),
        .. AtBothRates("Claude Sonnet 4.x", 3.00m, 15.00m),
        .. AtBothRates("Claude Opus 5.5", 4.00m, 20.00m),
        .. AtBothRates("Claude Opus 4.5 to 5", 5.00m, 25.00m),
    ];

    public static string Names { get; } = string.Join(", ", All.Select(price => price.Name));

    public static ManagedPrice? Find(string name) => Array.Find(All, price => price.Name.Equals(name.Trim(), StringComparison.OrdinalIgnoreCase));

    /// <summary>The price that valid settings come to.</summary>
    public static ManagedPrice Of(ManagedPriceOptions options)
        => options is { InputDollarsPerMillion: { } input, OutputDollarsPerMillion: { } output, AsOf: { } day }
            ? new ManagedPrice(options.Name, input, output, day)
            : Find(options.Name) is { } builtIn
                ? builtIn with { AsOf = options.AsOf ?? builtIn.AsOf }
                : throw new ArgumentException("The settings have neither prices nor a name of the list.", nameof(options));

    private static IEnumerable<ManagedPrice> AtBothRates(string name, decimal input, decimal output) =>
        [new(name, input, output, Read), new($"{name} (batch)", input / 2, output / 2, Read)];
}
