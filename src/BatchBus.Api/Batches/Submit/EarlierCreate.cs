using BatchBus.Storage.Batches;

namespace BatchBus.Api.Batches.Submit;

/// <summary>A batch that an earlier create of the same name has made.</summary>
/// <param name="Record">The batch.</param>
/// <param name="Body">Hash of the body that it was made of; null where that is in the name.</param>
internal sealed record EarlierCreate(BatchRecord Record, string? Body);
