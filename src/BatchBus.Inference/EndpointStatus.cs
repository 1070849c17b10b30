namespace BatchBus.Inference;

/// <summary>What an endpoint says of itself.</summary>
/// <param name="Running">Workers that execute requests, and are billed. A server that is no RunPod endpoint counts as one.</param>
/// <param name="Ready">Workers that execute requests or could at once.</param>
/// <param name="Starting">Workers that load their model.</param>
/// <param name="Waiting">Requests in the endpoint's queue.</param>
public sealed record EndpointStatus(int Running, int Ready, int Starting, int Waiting);
