namespace BatchBus.Inference.Catalog;

/// <summary>One model of the catalogue as it is configured. Holds no key, so it may be shown or logged.</summary>
public sealed record CatalogModel
{
    internal CatalogModel(string name, ModelOptions options)
    {
        Name = name;
        DisplayName = NullIfEmpty(options.DisplayName) ?? name;
        Endpoints = options.HasEndpoint ? [.. new[] { options }.Concat(options.Fallbacks).Select((endpoint, index) => new ModelEndpoint(name, index + 1, endpoint))] : [];
        Prefetch = options.Prefetch;
        RequestTimeout = options.RequestTimeout;
        PollInterval = options.PollInterval;
        MaxPollInterval = options.MaxPollInterval;
        MaxContextTokens = options.MaxContextTokens;
        MaxStopSequences = options.MaxStopSequences;
        AcceptsImages = options.AcceptsImages;
        AcceptsSystemRole = options.AcceptsSystemRole;
        IsSimulated = options.Simulated;
        DollarsPerGpuSecond = options.DollarsPerGpuSecond;
        ComparedWith = options.ComparedWith is { } price ? ManagedPrices.Of(price) : null;
    }

    /// <summary>The name that routes, queues and answers use.</summary>
    public string Name { get; }

    /// <summary>Name for people.</summary>
    public string DisplayName { get; }

    /// <summary>Where the model is served, in order of preference; empty where no endpoint is configured.</summary>
    public IReadOnlyList<ModelEndpoint> Endpoints { get; }

    /// <summary>Requests that one worker keeps in flight.</summary>
    public int Prefetch { get; }

    /// <summary>Longest that one call may take.</summary>
    public TimeSpan RequestTimeout { get; }

    /// <summary>Tokens of prompt and answer together that the endpoint accepts; null where that is not known.</summary>
    public int? MaxContextTokens { get; }

    /// <summary>Whether the simulator answers in its place.</summary>
    public bool IsSimulated { get; }

    /// <summary>US dollars per billed GPU second; null where that is not known.</summary>
    public decimal? DollarsPerGpuSecond { get; }

    /// <summary>The managed model that this one stands in for; null for no comparison.</summary>
    public ManagedPrice? ComparedWith { get; }

    internal int MaxStopSequences { get; }

    internal bool AcceptsImages { get; }

    internal bool AcceptsSystemRole { get; }

    internal TimeSpan PollInterval { get; }

    internal TimeSpan MaxPollInterval { get; }

    private static string? NullIfEmpty(string? value) => string.IsNullOrEmpty(value) ? null : value;
}
