using System.Collections.Concurrent;
using System.Net;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Schedule;
using BatchBus.Webhooks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace BatchBus.Orchestrator.Webhooks;

/// <summary>
/// Tells receivers of the ends of batches. An attempt is noted before it begins, with the time at which it counts as lost, so that one
/// process makes it and a crash costs no more than that attempt; it runs beside the sweeper, who waits for no receiver.
/// </summary>
internal sealed partial class WebhookDelivery(
    BatchStore batches, BatchSchedule schedule, WebhookSender sender, IOptions<WebhookOptions> options, TimeProvider time, ILogger<WebhookDelivery> logger) : IHostedService, IDisposable
{
    private const int MostAtOnce = 256;

    /// <summary>What an attempt may take beyond its receiver's time, before another is made.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(5);

    /// <summary>A batch that waits for a free place is looked at again after this time.</summary>
    private static readonly TimeSpan FullPause = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Guid, Task> _attempts = new();
    private readonly CancellationTokenSource _stopping = new();

    private TimeSpan Patience => options.Value.Timeout + Margin;

    private bool IsFull => _attempts.Count >= MostAtOnce || _stopping.IsCancellationRequested;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>What is cut off here counts as lost, and is made again.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await IdleAsync();
    }

    /// <summary>Returns once no attempt is under way.</summary>
    internal Task IdleAsync() => Task.WhenAll(_attempts.Values);

    public void Dispose() => _stopping.Dispose();

    /// <summary>When a batch wants to be looked at because of its webhook, should nothing be heard of an attempt that is due now; null for never.</summary>
    public TimeSpan? PauseOf(BatchRecord record) => record.Webhook switch
    {
        not { Phase: WebhookPhase.Due } => null,
        var webhook when webhook.NextAttempt > time.GetUtcNow() => webhook.NextAttempt - time.GetUtcNow(),
        _ => IsFull ? FullPause : Patience,
    };

    /// <summary>Begins an attempt if one is due, and does not wait for it. When it is over, the batch is due for a visit.</summary>
    public async Task BeginAsync(BatchRecord record)
    {
        if (IsFull || record.Webhook is not { Phase: WebhookPhase.Due } webhook || webhook.NextAttempt > time.GetUtcNow())
        {
            return;
        }

        if (webhook.Attempts > options.Value.Delays.Count)
        {
            // The last attempt was lost with its process.
            await batches.NoteWebhookAsync(record.BatchId, webhook, webhook with { Phase = WebhookPhase.GivenUp });
            return;
        }

        var attempt = webhook with { Attempts = webhook.Attempts + 1, NextAttempt = time.GetUtcNow() + Patience };
        var running = new TaskCompletionSource();
        if (await batches.NoteWebhookAsync(record.BatchId, webhook, attempt) && _attempts.TryAdd(record.BatchId, running.Task))
        {
            _ = RunAsync(record, attempt, running);
        }
    }

    private async Task RunAsync(BatchRecord record, WebhookState attempt, TaskCompletionSource running)
    {
        try
        {
            var after = await AttemptAsync(record, attempt);
            if (await batches.NoteWebhookAsync(record.BatchId, attempt, after))
            {
                // What the batch wants besides, a visit knows.
                await schedule.SetAsync(record.BatchId, TimeSpan.Zero);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or RedisException or RedisTimeoutException)
        {
            Log.Lost(logger, BatchId.Format(record.BatchId), error.GetType().Name);
        }
        finally
        {
            _attempts.TryRemove(record.BatchId, out _);
            running.SetResult();
        }
    }

    private async Task<WebhookState> AttemptAsync(BatchRecord record, WebhookState attempt)
    {
        var (url, id) = (new Uri(attempt.Url), BatchId.Format(record.BatchId));
        var shown = url.GetLeftPart(UriPartial.Path);
        string failure;
        try
        {
            var status = await sender.SendAsync(record, url, _stopping.Token);
            if ((int)status is >= 200 and <= 299)
            {
                Log.Delivered(logger, id, shown, attempt.Attempts);
                return attempt with { Phase = WebhookPhase.Delivered, NextAttempt = time.GetUtcNow() };
            }

            if (status is HttpStatusCode.Gone)
            {
                Log.Refused(logger, id, shown);
                return attempt with { Phase = WebhookPhase.Refused, NextAttempt = time.GetUtcNow() };
            }

            failure = $"it answered {(int)status}";
        }
        catch (Exception error) when (error is HttpRequestException or TimeoutException or InvalidOperationException)
        {
            failure = error.GetBaseException().Message;
        }

        var delays = options.Value.Delays;
        if (attempt.Attempts > delays.Count)
        {
            Log.GivenUp(logger, id, shown, attempt.Attempts, failure);
            return attempt with { Phase = WebhookPhase.GivenUp, NextAttempt = time.GetUtcNow() };
        }

        var pause = delays[attempt.Attempts - 1];
        Log.Failed(logger, id, shown, attempt.Attempts, failure, pause);
        return attempt with { NextAttempt = time.GetUtcNow() + pause };
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "{BatchId}: {Url} was told of its end, at attempt {Attempt}")]
        public static partial void Delivered(ILogger logger, string batchId, string url, int attempt);

        [LoggerMessage(LogLevel.Warning, "{BatchId}: {Url} answered 410 and is not told again")]
        public static partial void Refused(ILogger logger, string batchId, string url);

        [LoggerMessage(LogLevel.Warning, "{BatchId}: attempt {Attempt} to tell {Url} of its end failed ({Failure}); the next is in {Pause}")]
        public static partial void Failed(ILogger logger, string batchId, string url, int attempt, string failure, TimeSpan pause);

        [LoggerMessage(LogLevel.Error, "{BatchId}: {Url} could not be told of its end in {Attempts} attempts ({Failure}); there are no more")]
        public static partial void GivenUp(ILogger logger, string batchId, string url, int attempts, string failure);

        [LoggerMessage(LogLevel.Warning, "{BatchId}: an attempt to tell of its end was cut off ({Error}); it is made again")]
        public static partial void Lost(ILogger logger, string batchId, string error);
    }
}
