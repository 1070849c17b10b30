namespace BatchBus.Inference;

/// <summary>Calls one endpoint by the protocol that is configured for it.</summary>
public interface IModelClient
{
    /// <summary>
    /// Answers one request with one call or job; never throws for what an endpoint does, only <see cref="OperationCanceledException"/>.
    /// A job goes on when the wait for it is given up.
    /// </summary>
    Task<InferenceOutcome> CompleteAsync(ModelCall call, CancellationToken cancellationToken);

    /// <summary>Frees the endpoint of a job that nobody waits for any more; what becomes of it is not waited for long, and not told.</summary>
    Task CancelAsync(string job, CancellationToken cancellationToken);

    /// <summary>Asks the endpoint how it is without giving it work; null where it does not answer.</summary>
    Task<EndpointStatus?> CheckAsync(CancellationToken cancellationToken);

    /// <summary>Says how many workers share the endpoint's published rate limits.</summary>
    void ShareWith(int workers);
}
