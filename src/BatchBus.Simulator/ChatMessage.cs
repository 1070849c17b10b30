namespace BatchBus.Simulator;

/// <summary>One message of a chat as the model gets it.</summary>
/// <param name="Role"><c>system</c>, <c>user</c> or <c>assistant</c>.</param>
/// <param name="Text">Its text; several text parts are joined by a line feed.</param>
public readonly record struct ChatMessage(string Role, string Text);
