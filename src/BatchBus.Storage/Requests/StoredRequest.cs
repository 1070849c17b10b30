namespace BatchBus.Storage.Requests;

/// <summary>One request of a batch as it is kept.</summary>
/// <param name="Index">Position in the batch as it was submitted, from 0.</param>
/// <param name="CustomId">The caller's name for it.</param>
/// <param name="Rule">Which routing rule chose the lane, as the number of the rule's enum member.</param>
/// <param name="Failure">Why it can be routed nowhere, for the caller; empty where it can.</param>
/// <param name="Parameters">The <c>params</c> object, UTF-8 JSON as submitted.</param>
public readonly record struct StoredRequest(int Index, string CustomId, byte Rule, string Failure, ReadOnlyMemory<byte> Parameters);
