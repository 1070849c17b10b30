namespace BatchBus.Inference.Mapping;

/// <summary>One request as the chat-completions protocol sees it: checked, and with roles that alternate.</summary>
internal sealed class ChatRequest
{
    public string? System { get; set; }

    public List<ChatTurn> Turns { get; set; } = [];

    public int MaxTokens { get; set; }

    // Sent even when the caller left it out: model servers otherwise take it from the weights' own generation settings.
    public double Temperature { get; set; } = 1;

    public double? TopP { get; set; }

    public int? TopK { get; set; }

    public IReadOnlyList<string> StopSequences { get; set; } = [];

    /// <summary>Whether the last turn is the beginning of the answer.</summary>
    public bool ContinuesLastTurn => Turns[^1].Role == ChatRole.Assistant;
}
