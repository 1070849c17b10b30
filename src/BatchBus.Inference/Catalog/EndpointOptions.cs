namespace BatchBus.Inference.Catalog;

/// <summary>Settings of one endpoint that serves a model.</summary>
public class EndpointOptions
{
    /// <summary>
    /// Address below which the protocol's paths lie: <c>http://host/v1</c> for <see cref="ModelProtocol.OpenAi"/>,
    /// <c>https://api.runpod.ai/v2/{endpoint}</c> for <see cref="ModelProtocol.RunPodJobs"/>. Where it is set, <see cref="EndpointId"/> is not used.
    /// </summary>
    /// <value>None; with <see cref="EndpointId"/> set, that endpoint's address at RunPod.</value>
    public string? BaseUrl { get; set; }

    /// <summary>Id of the RunPod Serverless endpoint.</summary>
    /// <value>None. A model with neither this nor <see cref="BaseUrl"/> has no endpoint.</value>
    public string? EndpointId { get; set; }

    /// <summary>Key that is sent as bearer token.</summary>
    /// <value>None: no <c>Authorization</c> header. Required for RunPod's own host.</value>
    public string? ApiKey { get; set; }

    /// <summary>How the endpoint is spoken to.</summary>
    /// <value><see cref="ModelProtocol.OpenAi"/> where <see cref="BaseUrl"/> is set, otherwise <see cref="ModelProtocol.RunPodJobs"/>.</value>
    public ModelProtocol? Protocol { get; set; }

    /// <summary>The name under which the endpoint serves the model.</summary>
    /// <value>The model's name in the catalogue.</value>
    public string? ServedModel { get; set; }

    /// <summary>Requests in flight to this endpoint over all workers.</summary>
    /// <value>None: only each worker's own <c>Prefetch</c> bounds them.</value>
    public int? MaxInFlight { get; set; }

    /// <summary>Whether an endpoint is configured.</summary>
    public bool HasEndpoint => !string.IsNullOrEmpty(BaseUrl) || !string.IsNullOrEmpty(EndpointId);
}
