namespace BatchBus.Inference.Catalog;

/// <summary>One model of the catalogue as it is configured. Holds no key, so it may be shown or logged.</summary>
public sealed record CatalogModel
{
    internal const string RunPodHost = "api.runpod.ai";

    internal CatalogModel(string name, ModelOptions options)
    {
        Name = name;
        DisplayName = NullIfEmpty(options.DisplayName) ?? name;
        ServedModel = NullIfEmpty(options.ServedModel) ?? name;
        Endpoint = EndpointOf(options);
        Protocol = options.Protocol ?? (string.IsNullOrEmpty(options.BaseUrl) ? ModelProtocol.RunPodJobs : ModelProtocol.OpenAi);
        Prefetch = options.Prefetch;
        MaxInFlight = options.MaxInFlight;
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

    /// <summary>The name that the endpoint knows the model by.</summary>
    public string ServedModel { get; }

    /// <summary>Where the model is served; null where no endpoint is configured.</summary>
    public Uri? Endpoint { get; }

    /// <summary>How the endpoint is spoken to.</summary>
    public ModelProtocol Protocol { get; }

    /// <summary>Requests that one worker keeps in flight.</summary>
    public int Prefetch { get; }

    /// <summary>Requests in flight over all workers; null for no such bound.</summary>
    public int? MaxInFlight { get; }

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

    internal static Uri? EndpointOf(ModelOptions options)
    {
        var address = NullIfEmpty(options.BaseUrl)
            ?? (string.IsNullOrEmpty(options.EndpointId) ? null : $"https://{RunPodHost}/v2/{options.EndpointId}");
        return Uri.TryCreate(address?.TrimEnd('/'), UriKind.Absolute, out var endpoint) ? endpoint : null;
    }

    private static string? NullIfEmpty(string? value) => string.IsNullOrEmpty(value) ? null : value;
}
