using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using BatchBus.Api.Batches.Read;
using BatchBus.Contracts;
using BatchBus.Inference.Catalog;
using BatchBus.Storage.Batches;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Api.Batches.Follow;

/// <summary>
/// <c>GET /v1/messages/batches/{id}/events</c>: live counts as server-sent events, our extension. One <c>progress</c> event whenever
/// they changed, one <c>ended</c> event last.
/// </summary>
internal sealed class FollowEndpoint(BatchResponse batches, BatchStore store, ModelCatalog catalog, TimeProvider time)
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
        [.. record.Lanes.Zip(record.Tallies).Where(lane => lane.First.Model is not null).GroupBy(lane => lane.First.Model!).Select(lanes => new ModelProgress(
            lanes.Key,
            lanes.Sum(lane => lane.First.Count),
            lanes.Sum(lane => lane.Second.Succeeded),
            lanes.Sum(lane => lane.Second.Errored),
            lanes.Sum(lane => lane.Second.InputTokens),
            lanes.Sum(lane => lane.Second.CachedTokens),
            lanes.Sum(lane => lane.Second.OutputTokens),
            lanes.Sum(lane => lane.Second.ExecutionTime.TotalSeconds),
            catalog.TryGetModel(lanes.Key, out var model) && model.IsSimulated))]);
}

/// <summary>How far a batch is, while it is executed and after.</summary>
/// <param name="Id">The batch's public id.</param>
/// <param name="Total">Number of requests.</param>
/// <param name="Succeeded">Succeeded so far.</param>
/// <param name="Errored">Errored so far.</param>
/// <param name="Models">The same per model, with usage.</param>
internal sealed record BatchProgress(string Id, int Total, int Succeeded, int Errored, IReadOnlyList<ModelProgress> Models);

/// <summary>One model's part in a batch.</summary>
/// <param name="Model">The model of the catalogue.</param>
/// <param name="Requests">Requests that were routed to it.</param>
/// <param name="Succeeded">Succeeded so far.</param>
/// <param name="Errored">Errored so far.</param>
/// <param name="InputTokens">Prompt tokens, cached ones excluded.</param>
/// <param name="CachedTokens">Prompt tokens that were cached.</param>
/// <param name="OutputTokens">Generated tokens.</param>
/// <param name="ExecutionSeconds">Time that the endpoint spent, added up over the requests.</param>
/// <param name="Simulated">Whether the simulator answered.</param>
internal sealed record ModelProgress(
    string Model, int Requests, int Succeeded, int Errored, long InputTokens, long CachedTokens, long OutputTokens, double ExecutionSeconds, bool Simulated);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BatchProgress))]
internal sealed partial class BatchProgressJson : JsonSerializerContext;
