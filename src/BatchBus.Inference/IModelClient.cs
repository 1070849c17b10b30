namespace BatchBus.Inference;

/// <summary>Calls one model of the catalogue by the protocol that is configured for it.</summary>
public interface IModelClient
{
    /// <summary>
    /// Answers one request with one call; never throws for what an endpoint does, only <see cref="OperationCanceledException"/>.
    /// </summary>
    /// <param name="parameters">The request's <c>params</c> object as UTF-8 JSON.</param>
    /// <param name="cancellationToken">Ends the wait for the answer.</param>
    Task<InferenceOutcome> CompleteAsync(ReadOnlyMemory<byte> parameters, CancellationToken cancellationToken);
}
