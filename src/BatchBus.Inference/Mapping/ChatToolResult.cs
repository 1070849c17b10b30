namespace BatchBus.Inference.Mapping;

/// <summary>What a tool answered.</summary>
/// <param name="Id">The id of the call that is answered.</param>
/// <param name="Text">The answer; images in it belong to the turn.</param>
/// <param name="Path">Where the block stands in the request.</param>
internal readonly record struct ChatToolResult(string Id, string Text, string Path);
