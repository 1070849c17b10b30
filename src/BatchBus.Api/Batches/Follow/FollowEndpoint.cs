using System.Globalization;
using System.Text.Json;
using BatchBus.Api.Batches.Read;
using BatchBus.Api.Usage;
using BatchBus.Storage.Batches;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;

namespace BatchBus.Api.Batches.Follow;

/// <summary>
/// <c>GET /v1/messages/batches/{id}/events</c>: live counts as server-sent events, our extension. One <c>progress</c> event whenever
/// they changed, one <c>ended</c> event last. An event's id is a position in the life of the batch that every replica counts alike, so
/// that who comes back with <c>Last-Event-ID</c> hears only what is newer.
/// </summary>
internal sealed class FollowEndpoint(BatchResponse batches, BatchStore store, UsagePrices prices, IHostApplicationLifetime lifetime, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    /// <summary>Silence after which a comment shows that the connection lives; clients and proxies give up after 15 s and more.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(5);

    public async Task HandleAsync(HttpContext context, string id)
    {
        var record = await batches.FindAsync(context, id);
        var sent = LastEventId(context.Request, record);
        if (record.ClosedAt is not null && Position(record) <= sent)
        {
            // The one answer that keeps an EventSource from coming back.
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }

        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-cache";
        await context.Response.Body.FlushAsync(context.RequestAborted);
        using var timer = new PeriodicTimer(Interval, time);
        var rate = new RecentRate(time);
        var lastWrite = time.GetTimestamp();
        while (true)
        {
            var perSecond = rate.Note(record.Succeeded + record.Errored);
            if (Position(record) > sent)
            {
                sent = Position(record);
                await WriteAsync(context, Event(record, perSecond));
            }
            else if (time.GetElapsedTime(lastWrite) >= LongestSilence)
            {
                await WriteAsync(context, ": still here\n\n");
            }

            if (record.ClosedAt is not null)
            {
                return;
            }

            await timer.WaitForNextTickAsync(context.RequestAborted);
            if (lifetime.ApplicationStopping.IsCancellationRequested)
            {
                // An open stream is no reason to stop late; who follows comes back with Last-Event-ID.
                return;
            }

            if (await store.FindAsync(record.BatchId) is not { } next)
            {
                return;
            }

            record = next;
        }

        async Task WriteAsync(HttpContext to, string text)
        {
            await to.Response.WriteAsync(text, to.RequestAborted);
            await to.Response.Body.FlushAsync(to.RequestAborted);
            lastWrite = time.GetTimestamp();
        }
    }

    /// <summary>Requests with a result of their own, which only become more, and one past all of them for the end.</summary>
    private static int Position(BatchRecord record) => record.ClosedAt is null ? record.Succeeded + record.Errored : record.Total + 1;

    /// <summary>The position that the client has reached; before the first for one that no event of this batch can have.</summary>
    private static int LastEventId(HttpRequest request, BatchRecord record)
        => int.TryParse(request.Headers["Last-Event-ID"], NumberStyles.None, CultureInfo.InvariantCulture, out var position) && position <= record.Total + 1 ? position : -1;

    private string Event(BatchRecord record, double? perSecond)
    {
        var data = JsonSerializer.Serialize(BatchProgress.Of(record, perSecond, prices), BatchProgressJson.Default.BatchProgress);
        return string.Create(
            CultureInfo.InvariantCulture, $"id: {Position(record)}\nevent: {(record.ClosedAt is null ? "progress" : "ended")}\ndata: {data}\n\n");
    }
}
