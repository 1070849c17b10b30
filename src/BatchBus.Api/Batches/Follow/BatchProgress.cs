using System.Text.Json.Serialization;
using BatchBus.Api.Usage;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;

namespace BatchBus.Api.Batches.Follow;

/// <summary>How far a batch is, while it is executed and after.</summary>
/// <param name="Id">The batch's public id.</param>
/// <param name="Total">Number of requests.</param>
/// <param name="Succeeded">Succeeded so far.</param>
/// <param name="Errored">Errored so far.</param>
/// <param name="RequestsPerSecond">Succeeded and errored per second over the last 10 seconds of this stream; null within its first second.</param>
/// <param name="SecondsToGo">Seconds until every request has a result, at that rate; null when the rate is unknown or 0.</param>
/// <param name="Models">The same per model, with usage and what it costs; <c>requests</c> are those that were routed to the model.</param>
internal sealed record BatchProgress(
    string Id, int Total, int Succeeded, int Errored, double? RequestsPerSecond, double? SecondsToGo, IReadOnlyList<ModelUsage> Models)
{
    public static BatchProgress Of(BatchRecord record, double? perSecond, UsagePrices prices) => new(
        BatchId.Format(record.BatchId),
        record.Total,
        record.Succeeded,
        record.Errored,
        perSecond,
        record.ClosedAt is not null ? 0 : perSecond > 0 ? Math.Round(record.Unfinished / perSecond.Value, 1) : null,
        [.. record.TallyByModel.Select(used => prices.Of(used.Key, record.Lanes.Where(lane => lane.Model == used.Key).Sum(lane => lane.Count), used.Value))]);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BatchProgress))]
internal sealed partial class BatchProgressJson : JsonSerializerContext;
