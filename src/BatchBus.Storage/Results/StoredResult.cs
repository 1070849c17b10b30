using BatchBus.Contracts;

namespace BatchBus.Storage.Results;

/// <summary>One result as it is kept.</summary>
/// <param name="Index">Position of its request in the batch as it was submitted.</param>
/// <param name="CustomId">The caller's name for the request.</param>
/// <param name="Outcome">What came of it.</param>
/// <param name="InputTokens">Prompt tokens, cached ones excluded.</param>
/// <param name="CachedTokens">Prompt tokens that were cached.</param>
/// <param name="OutputTokens">Generated tokens.</param>
/// <param name="GpuMicroseconds">Its share of the time that the GPUs were busy; requests that ran together share a second.</param>
/// <param name="Line">The line of the results file, UTF-8 JSON with its line feed.</param>
public readonly record struct StoredResult(
    int Index,
    string CustomId,
    RequestOutcome Outcome,
    int InputTokens,
    int CachedTokens,
    int OutputTokens,
    long GpuMicroseconds,
    ReadOnlyMemory<byte> Line);
