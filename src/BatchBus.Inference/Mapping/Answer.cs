using System.Text.Json;

namespace BatchBus.Inference.Mapping;

/// <summary>What a model answered, in the Messages API's terms.</summary>
internal sealed record Answer
{
    /// <summary>What the model thought before it answered; null where it did not or where nobody wants to see it.</summary>
    public string? Thinking { get; init; }

    public string Text { get; init; } = "";

    public IReadOnlyList<(string Id, string Name, JsonElement Input)> Calls { get; init; } = [];

    public required string StopReason { get; init; }

    public string? StopSequence { get; init; }

    /// <summary>Why the model refused, where it said so.</summary>
    public string? Explanation { get; init; }
}
