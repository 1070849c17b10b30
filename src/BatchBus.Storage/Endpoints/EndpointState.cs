namespace BatchBus.Storage.Endpoints;

/// <summary>What is known of an endpoint, over all workers.</summary>
/// <param name="Workers">Workers that use it.</param>
/// <param name="InFlight">Calls under way.</param>
/// <param name="Limit">Calls that may be under way now, as the workers have found out; those that are, while it is out of use.</param>
/// <param name="OutOfUse">Since when and why it is out of use; null where it is not.</param>
public sealed record EndpointState(int Workers, int InFlight, int Limit, EndpointOutage? OutOfUse);
