using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using BatchBus.Api.Batches.Read;
using BatchBus.Api.Usage;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Batches.Follow;

/// <summary>
/// <c>GET /v1/messages/batches/{id}/events</c>: live counts as server-sent events, our extension. One <c>progress</c> event whenever
/// they changed, one <c>ended</c> event last.
/// </summary>
internal sealed class FollowEndpoint(BatchResponse batches, BatchStore store, UsagePrices prices, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    public async Task HandleAsync(HttpContext context, string id)
    {
        var record = await batches.FindAsync(context, id);
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-cache";
        using var timer = new PeriodicTimer(Interval, time);
        string? sent = null;
        while (true)
        {
            var data = JsonSerializer.Serialize(Progress(record), BatchProgressJson.Default.BatchProgress);
            if (data != sent || record.ClosedAt is not null)
            {
                sent = data;
                await context.Response.WriteAsync(
                    new StringBuilder("event: ").Append(record.ClosedAt is null ? "progress" : "ended").Append("\ndata: ").Append(data).Append("\n\n").ToString(),
                    context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
            }

            if (record.ClosedAt is not null)
            {
                return;
            }

            await timer.WaitForNextTickAsync(context.RequestAborted);
            if (await store.FindAsync(record.BatchId) is not { } next)
            {
                return;
            }

            record = next;
        }
    }

    private BatchProgress Progress(BatchRecord record) => new(
        BatchId.Format(record.BatchId),
        record.Total,
        record.Succeeded,
        record.Errored,
        [.. record.TallyByModel.Select(used => prices.Of(used.Key, record.Lanes.Where(lane => lane.Model == used.Key).Sum(lane => lane.Count), used.Value))]);
}

/// <summary>How far a batch is, while it is executed and after.</summary>
/// <param name="Id">The batch's public id.</param>
/// <param name="Total">Number of requests.</param>
/// <param name="Succeeded">Succeeded so far.</param>
/// <param name="Errored">Errored so far.</param>
/// <param name="Models">The same per model, with usage and what it costs; <c>requests</c> are those that were routed to the model.</param>
internal sealed record BatchProgress(string Id, int Total, int Succeeded, int Errored, IReadOnlyList<ModelUsage> Models);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BatchProgress))]
internal sealed partial class BatchProgressJson : JsonSerializerContext;
