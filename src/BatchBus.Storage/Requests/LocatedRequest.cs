using BatchBus.Storage.Batches;

namespace BatchBus.Storage.Requests;

/// <summary>A request and where it lies in its batch.</summary>
/// <param name="Lane">Its lane.</param>
/// <param name="Position">Its position in the lane.</param>
/// <param name="Request">The request, without its parameters.</param>
public sealed record LocatedRequest(Lane Lane, int Position, StoredRequest Request);
