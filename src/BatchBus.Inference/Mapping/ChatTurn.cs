namespace BatchBus.Inference.Mapping;

/// <summary>What one side said before the other side spoke.</summary>
/// <param name="role">Who spoke.</param>
internal sealed class ChatTurn(ChatRole role)
{
    public ChatRole Role => role;

    public List<ChatPart> Parts { get; } = new(1);

    /// <summary>What the model called; empty for the user.</summary>
    public List<ChatToolCall> Calls { get; } = [];

    /// <summary>What the tools answered; empty for the model.</summary>
    public List<ChatToolResult> Results { get; } = [];

    public bool HasImages => Parts.Exists(part => part.IsImage);

    public bool IsEmpty => Parts.Count == 0 && Calls.Count == 0 && Results.Count == 0;

    // What a model wrote is continued without a seam; what it was given reads as paragraphs.
    public string Text => Parts.Count == 1 ? Parts[0].Value : string.Join(role == ChatRole.User ? "\n" : "", Parts.Select(part => part.Value));

    public void Append(ChatTurn later)
    {
        Parts.AddRange(later.Parts);
        Calls.AddRange(later.Calls);
        Results.AddRange(later.Results);
    }
}
