using System.Globalization;
using System.Runtime.CompilerServices;
using BatchBus.Api.Errors;
using BatchBus.Contracts;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Routing;
using BatchBus.Storage;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Requests;
using BatchBus.Webhooks;
using MassTransit;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace BatchBus.Api.Batches.Submit;

/// <summary>Makes a batch of requests as they arrive, over HTTP or over the bus: store, commit, announce.</summary>
internal sealed partial class BatchIntake(
    BatchStore batches,
    StoreRoom room,
    ModelCatalog catalog,
    ModelRouter router,
    WebhookUrls webhooks,
    IBus bus,
    IOptions<ApiOptions> options,
    TimeProvider time,
    ILogger<BatchIntake> logger)
{
    /// <summary>How long the announcement may take; publishing can hang while the broker is down, and the sweeper publishes too.</summary>
    private static readonly TimeSpan AnnouncementPatience = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan ExtendInterval = BatchStore.UploadLapse / 4;

    /// <summary>How often the fate of a commit is asked for before it counts as unknown.</summary>
    private const int FateAttempts = 5;

    private readonly BatchEnvelopeValidator _validator = new(catalog);

    /// <summary>Takes a batch in; afterwards it is committed and will be executed.</summary>
    /// <param name="upload">Where it goes.</param>
    /// <param name="workspace">Who owns it.</param>
    /// <param name="entries">Its requests, each a JSON object that is valid until the next is asked for.</param>
    /// <param name="envelope">What it says besides; asked for once the entries have ended.</param>
    /// <param name="beforeCommit">
    /// Asked once everything is read and found good. A batch that it names is one that the same create has made before: it is returned,
    /// and the upload is given up.
    /// </param>
    /// <param name="cancellationToken">Ends the wait for entries; without effect from the commit on.</param>
    /// <exception cref="ApiException">It is refused, and nothing of it is left.</exception>
    /// <exception cref="UnknownFateException">It cannot be told whether it was committed.</exception>
    public Task<BatchRecord> TakeInAsync(
        BatchUpload upload,
        string workspace,
        IAsyncEnumerable<ReadOnlyMemory<byte>> entries,
        Func<BatchEnvelope> envelope,
        Func<Task<BatchRecord?>>? beforeCommit,
        CancellationToken cancellationToken)
        => TakeInAsync(upload, workspace, RouteAsync(entries, cancellationToken), envelope, beforeCommit, cancellationToken);

    /// <summary>Takes in a batch of requests that are checked and routed.</summary>
    /// <inheritdoc cref="TakeInAsync(BatchUpload, string, IAsyncEnumerable{ReadOnlyMemory{byte}}, Func{BatchEnvelope}, Func{Task{BatchRecord?}}?, CancellationToken)"/>
    public async Task<BatchRecord> TakeInAsync(
        BatchUpload upload,
        string workspace,
        IAsyncEnumerable<RoutedRequest> requests,
        Func<BatchEnvelope> envelope,
        Func<Task<BatchRecord?>>? beforeCommit,
        CancellationToken cancellationToken)
    {
        BatchRecord record;
        try
        {
            await StoreAsync(upload, requests, cancellationToken);
            await CheckAsync(workspace, envelope(), cancellationToken);
            if (beforeCommit is not null && await beforeCommit() is { } earlier)
            {
                await AbandonAsync(upload);
                return earlier;
            }

            // Nobody waits for the answer any more, so a batch could only surprise.
            cancellationToken.ThrowIfCancellationRequested();
            record = await CommitAsync(upload, workspace, envelope());
        }
        catch (Exception exception) when (exception is not UnknownFateException)
        {
            await AbandonAsync(upload);
            throw;
        }

        await AnnounceAsync(record);
        return record;
    }

    private async IAsyncEnumerable<RoutedRequest> RouteAsync(IAsyncEnumerable<ReadOnlyMemory<byte>> entries, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var customIds = new Dictionary<string, int>(StringComparer.Ordinal);
        await foreach (var entry in entries.WithCancellation(cancellationToken))
        {
            var index = customIds.Count;
            var request = SubmittedRequestReader.Read(entry, index);
            if (!customIds.TryAdd(request.CustomId, index))
            {
                throw ApiException.InvalidRequest(string.Create(
                    CultureInfo.InvariantCulture,
                    $"requests: custom_id must be unique; \"{request.CustomId}\" is used at indexes {customIds[request.CustomId]} and {index}"));
            }

            var route = router.Route(request.ModelHint, request.Stage, request.Model);
            yield return new RoutedRequest(
                route.Model,
                route.YieldsToBatchStage,
                new StoredRequest(index, request.CustomId, (byte)route.Rule, route.Failure?.Message ?? "", request.Parameters));
        }
    }

    private async Task StoreAsync(BatchUpload upload, IAsyncEnumerable<RoutedRequest> requests, CancellationToken cancellationToken)
    {
        var extendedAt = time.GetTimestamp();
        await foreach (var (model, yieldsToBatchStage, request) in requests.WithCancellation(cancellationToken))
        {
            if (room.Problem is { } problem)
            {
                throw ApiException.Overloaded(problem);
            }

            await upload.AddAsync(model, yieldsToBatchStage, request);
            if (time.GetElapsedTime(extendedAt) > ExtendInterval)
            {
                extendedAt = time.GetTimestamp();
                await batches.ExtendUploadAsync(upload);
            }
        }
    }

    private async Task CheckAsync(string workspace, BatchEnvelope envelope, CancellationToken cancellationToken)
    {
        var check = _validator.Validate(envelope);
        if (!check.IsValid)
        {
            throw ApiException.InvalidRequest(check.Errors[0].ErrorMessage);
        }

        if (envelope.WebhookUrl is { } url && await webhooks.ProblemAsync(workspace, url, cancellationToken) is { } problem)
        {
            throw ApiException.InvalidRequest($"webhook_url: {problem}");
        }
    }

    /// <summary>
    /// Commits. When the store's answer is lost, the upload is given up by a step that excludes a commit that may still be under way:
    /// either that holds and the caller hears of an error, or the batch turns out to stand.
    /// </summary>
    private async Task<BatchRecord> CommitAsync(BatchUpload upload, string workspace, BatchEnvelope envelope)
    {
        var window = envelope.ExpiresInSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : options.Value.Window;
        var stageModel = envelope.Stage is null ? null : catalog.ModelOfStage(envelope.Stage);
        try
        {
            return await batches.CommitAsync(upload, workspace, envelope.Stage, stageModel, window, webhooks.Of(workspace, envelope.WebhookUrl))
                ?? throw ApiException.Overloaded("The upload took too long and lapsed; nothing was stored. Try again.");
        }
        catch (Exception error) when (error is RedisException or RedisTimeoutException)
        {
            Log.CommitUnanswered(logger, BatchId.Format(upload.BatchId), error.GetType().Name);
            return await FateAsync(upload, error) ?? throw ApiException.Overloaded("The batch store (Redis) failed; nothing was stored. Try again.");
        }
    }

    /// <summary>The batch if it stands, null if it never will.</summary>
    private async Task<BatchRecord?> FateAsync(BatchUpload upload, Exception cause)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await batches.AbandonAsync(upload.BatchId, upload) ? null : await batches.FindAsync(upload.BatchId);
            }
            catch (Exception error) when (error is RedisException or RedisTimeoutException)
            {
                if (attempt == FateAttempts)
                {
                    throw new UnknownFateException(cause);
                }

                await Task.Delay(TimeSpan.FromSeconds(1), time);
            }
        }
    }

    /// <summary>Gives an upload up; where that fails now, the sweeper does it later.</summary>
    public async Task AbandonAsync(BatchUpload upload)
    {
        try
        {
            await batches.AbandonAsync(upload.BatchId, upload);
        }
        catch (Exception error) when (error is RedisException or RedisTimeoutException)
        {
            Log.AbandonFailed(logger, BatchId.Format(upload.BatchId), error.GetType().Name);
        }
    }

    private async Task AnnounceAsync(BatchRecord record)
    {
        using var patience = new CancellationTokenSource(AnnouncementPatience, time);
        try
        {
            await bus.Publish(record.Submitted(), patience.Token).WaitAsync(patience.Token);
        }
        catch (Exception error)
        {
            // The batch is committed: whatever keeps it from being announced now, the sweeper announces it later.
            Log.AnnouncementFailed(logger, BatchId.Format(record.BatchId), error.GetType().Name, error.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{BatchId}: Redis did not answer the commit ({Error}); finding out whether it took effect")]
        public static partial void CommitUnanswered(ILogger logger, string batchId, string error);

        [LoggerMessage(LogLevel.Warning, "{BatchId}: a refused upload could not be removed now ({Error}); the sweeper removes it")]
        public static partial void AbandonFailed(ILogger logger, string batchId, string error);

        [LoggerMessage(LogLevel.Warning, "{BatchId} is committed but could not be announced ({Error}: {Message}); the sweeper announces it")]
        public static partial void AnnouncementFailed(ILogger logger, string batchId, string error, string message);
    }
}
