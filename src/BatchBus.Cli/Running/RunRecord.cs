using System.Text.Json.Serialization;

namespace BatchBus.Cli.Running;

/// <summary>What is remembered of one run of a file, so that a later start finds its batch again.</summary>
internal sealed record RunRecord
{
    /// <summary>How often the file was run anew (<c>--again</c>).</summary>
    public int Repeat { get; init; }

    /// <summary>When the create was about to be sent: its batch, if there is one, is no older.</summary>
    public required DateTimeOffset SubmittedAt { get; init; }

    /// <summary>The batch; null until the create was answered.</summary>
    public string? BatchId { get; init; }

    /// <summary>Whether the results were written.</summary>
    public bool IsWritten { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(RunRecord))]
internal sealed partial class RunRecordJson : JsonSerializerContext;
