namespace BatchBus.Inference.Catalog;

/// <summary>One endpoint that serves a model, as it is configured. Holds no key, so it may be shown or logged.</summary>
public sealed record ModelEndpoint
{
    internal const string RunPodHost = "api.runpod.ai";

    internal ModelEndpoint(string model, int rank, EndpointOptions options)
    {
        Name = NameOf(model, rank);
        Address = AddressOf(options) ?? throw new ArgumentException("No endpoint is configured.", nameof(options));
        Protocol = options.Protocol ?? (string.IsNullOrEmpty(options.BaseUrl) ? ModelProtocol.RunPodJobs : ModelProtocol.OpenAi);
        ServedModel = string.IsNullOrEmpty(options.ServedModel) ? model : options.ServedModel;
        MaxInFlight = options.MaxInFlight;
    }

    /// <summary>The model's name; for each further endpoint of a model with its rank, <c>mistral-7b/2</c>.</summary>
    public string Name { get; }

    /// <summary>Where the endpoint is.</summary>
    public Uri Address { get; }

    /// <summary>How it is spoken to.</summary>
    public ModelProtocol Protocol { get; }

    /// <summary>The name that it knows the model by.</summary>
    public string ServedModel { get; }

    /// <summary>Requests in flight over all workers; null for no such bound.</summary>
    public int? MaxInFlight { get; }

    internal static string NameOf(string model, int rank) => rank == 1 ? model : $"{model}/{rank}";

    internal static Uri? AddressOf(EndpointOptions options)
    {
        var address = !string.IsNullOrEmpty(options.BaseUrl) ? options.BaseUrl
            : string.IsNullOrEmpty(options.EndpointId) ? null : $"https://{RunPodHost}/v2/{options.EndpointId}";
        return Uri.TryCreate(address?.TrimEnd('/'), UriKind.Absolute, out var endpoint) ? endpoint : null;
    }
}
