namespace BatchBus.Inference.Mapping;

/// <summary>A tool that the model may call.</summary>
/// <param name="Name">Name of the tool.</param>
/// <param name="Description">What it is for, if that is said.</param>
/// <param name="Schema">The JSON schema of its input, as text.</param>
/// <param name="IsStrict">Whether calls have to follow the schema.</param>
internal readonly record struct ChatTool(string Name, string? Description, string Schema, bool IsStrict);
