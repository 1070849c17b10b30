namespace BatchBus.Storage.Endpoints;

/// <summary>What an endpoint has for one worker, and what the others know of it.</summary>
/// <param name="Granted">Calls that this worker may have in flight.</param>
/// <param name="Workers">Workers that use the endpoint, this one included.</param>
/// <param name="HeldByOthers">Calls that the others have in flight, or may have.</param>
/// <param name="IsFirst">Whether this worker does what one of them has to do for all.</param>
/// <param name="OutOfUse">Since when and why some worker has taken the endpoint out of use; null where none has.</param>
public sealed record EndpointShare(int Granted, int Workers, int HeldByOthers, bool IsFirst, EndpointOutage? OutOfUse);

/// <summary>Why an endpoint is out of use.</summary>
/// <param name="Since">When it was taken out of use.</param>
/// <param name="IsStopped">Whether only an operator can mend it.</param>
/// <param name="Reason">In words, without prompts, answers or keys.</param>
public sealed record EndpointOutage(DateTimeOffset Since, bool IsStopped, string Reason);
