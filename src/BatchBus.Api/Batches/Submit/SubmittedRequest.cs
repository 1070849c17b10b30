namespace BatchBus.Api.Batches.Submit;

/// <summary>One entry of <c>requests</c> as it stands in the body.</summary>
/// <param name="CustomId">The caller's name for it.</param>
/// <param name="ModelHint"><c>metadata.model_hint</c>, of the entry or of its params.</param>
/// <param name="Stage"><c>metadata.stage</c>, of the entry or of its params.</param>
/// <param name="Model"><c>params.model</c>.</param>
/// <param name="Parameters">The <c>params</c> object; valid until the next entry is read.</param>
internal readonly record struct SubmittedRequest(string CustomId, string? ModelHint, string? Stage, string? Model, ReadOnlyMemory<byte> Parameters);
