using System.Text.Json;
using BatchBus.Api.Keys;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;

namespace BatchBus.Api.Status;

/// <summary><c>GET /v1/status</c> and <c>GET /v1/status/events</c>, our extension: what the dashboard shows, once and live.</summary>
internal sealed class StatusEndpoint(StatusBoard board, IHostApplicationLifetime lifetime, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Silence after which a comment shows that the connection lives.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(5);

    public async Task ReadAsync(HttpContext context)
    {
        var report = await board.ReadAsync(context.Workspace(), context.RequestAborted);
        context.Response.ContentType = "application/json";
        await JsonSerializer.SerializeAsync(context.Response.Body, report, StatusReportJson.Default.StatusReport, context.RequestAborted);
    }

    /// <summary>One <c>status</c> event whenever something changed, until the client leaves or the process stops.</summary>
    public async Task FollowAsync(HttpContext context)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        using var timer = new PeriodicTimer(Interval, time);
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-cache";
        var (sent, sentAt) = ("", time.GetTimestamp());
        try
        {
            do
            {
                var report = await board.ReadAsync(context.Workspace(), stop.Token);

                // The time of the reading alone is no change.
                var content = Serialize(report with { At = null });
                if (content != sent)
                {
                    sent = content;
                    await WriteAsync($"event: status\ndata: {Serialize(report)}\n\n");
                }
                else if (time.GetElapsedTime(sentAt) >= LongestSilence)
                {
                    await WriteAsync(": still here\n\n");
                }
            }
            while (await timer.WaitForNextTickAsync(stop.Token));
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            // An open page is no reason to stop late; it comes back by itself.
        }

        async Task WriteAsync(string text)
        {
            await context.Response.WriteAsync(text, stop.Token);
            await context.Response.Body.FlushAsync(stop.Token);
            sentAt = time.GetTimestamp();
        }
    }

    private static string Serialize(StatusReport report) => JsonSerializer.Serialize(report, StatusReportJson.Default.StatusReport);
}
