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

    public IReadOnlyList<ChatTool> Tools { get; set; } = [];

    /// <summary>The protocol's own word: auto, required or none; null where the caller chose nothing or named <see cref="ForcedTool"/>.</summary>
    public string? ToolChoice { get; set; }

    /// <summary>The one tool that has to be called.</summary>
    public string? ForcedTool { get; set; }

    public bool AllowsOneCallOnly { get; set; }

    /// <summary>The JSON schema that the answer has to follow, as text.</summary>
    public string? OutputSchema { get; set; }

    /// <summary>Whether the answer shows what the model thought, where it thinks at all.</summary>
    public bool ShowsThinking { get; set; } = true;

    public string? User { get; set; }

    public ToolIds ToolIds => field ??= new ToolIds();

    /// <summary>Whether the last turn is the beginning of the answer.</summary>
    public bool ContinuesLastTurn => Turns[^1].Role == ChatRole.Assistant;
}
