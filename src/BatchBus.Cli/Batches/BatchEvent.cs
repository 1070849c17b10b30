using System.Text.Json;

namespace BatchBus.Cli.Batches;

/// <summary>An event of a batch's stream.</summary>
/// <param name="Type"><c>progress</c>, or <c>ended</c> for the last.</param>
/// <param name="Data">One JSON object.</param>
internal readonly record struct BatchEvent(string Type, string Data)
{
    public BatchProgress Progress() => JsonSerializer.Deserialize(Data, BatchProgressJson.Default.BatchProgress)!;
}
