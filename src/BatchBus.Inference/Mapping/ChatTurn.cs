namespace BatchBus.Inference.Mapping;

/// <summary>What one side said before the other side spoke.</summary>
internal readonly record struct ChatTurn(ChatRole Role, string Text);
