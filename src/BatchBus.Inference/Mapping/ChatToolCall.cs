namespace BatchBus.Inference.Mapping;

/// <summary>A call that the model made.</summary>
/// <param name="Id">The id that the conversation uses.</param>
/// <param name="Name">Name of the tool.</param>
/// <param name="Arguments">A JSON object as text.</param>
/// <param name="Path">Where the block stands in the request.</param>
internal readonly record struct ChatToolCall(string Id, string Name, string Arguments, string Path);
