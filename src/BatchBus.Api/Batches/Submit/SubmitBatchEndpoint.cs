using System.Globalization;
using BatchBus.Api.Batches.Read;
using BatchBus.Api.Errors;
using BatchBus.Api.Keys;
using BatchBus.Contracts;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Routing;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Requests;
using FluentValidation;
using MassTransit;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace BatchBus.Api.Batches.Submit;

/// <summary><c>POST /v1/messages/batches</c>: store while it arrives, commit, announce.</summary>
internal sealed partial class SubmitBatchEndpoint(
    BatchStore batches,
    ModelCatalog catalog,
    ModelRouter router,
    IBus bus,
    BatchResponse response,
    IOptions<ApiOptions> options,
    TimeProvider time,
    ILogger<SubmitBatchEndpoint> logger)
{
    /// <summary>How long the announcement may take; publishing can hang while the broker is down, and the sweeper publishes too.</summary>
    private static readonly TimeSpan AnnouncementPatience = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan ExtendInterval = BatchStore.UploadLapse / 4;

    /// <summary>How often the fate of a commit is asked for before the connection is closed unanswered.</summary>
    private const int FateAttempts = 5;

    private readonly BatchEnvelopeValidator _validator = new(catalog);

    public async Task HandleAsync(HttpContext context)
    {
        var workspace = context.Workspace();
        var upload = await batches.BeginUploadAsync();
        BatchRecord record;
        try
        {
            record = await TakeInAsync(context, upload, workspace);
        }
        catch
        {
            await AbandonAsync(upload);
            throw;
        }

        await AnnounceAsync(record);
        await response.WriteAsync(context, record);
    }

    private async Task<BatchRecord> TakeInAsync(HttpContext context, BatchUpload upload, string workspace)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null;
        }

        if (context.Request.ContentLength > options.Value.MaxBatchBytes)
        {
            throw ApiException.TooLarge($"The body is larger than {options.Value.MaxBatchBytes} bytes, the most for one batch. Split it into several.");
        }

        using var body = new BatchBodyReader(context.Request.Body, options.Value);
        var customIds = new Dictionary<string, int>(StringComparer.Ordinal);
        var extendedAt = time.GetTimestamp();
        while (await body.NextAsync(context.RequestAborted) is { } entry)
        {
            var index = body.Count - 1;
            var request = SubmittedRequestReader.Read(entry, index);
            if (!customIds.TryAdd(request.CustomId, index))
            {
                throw ApiException.InvalidRequest(string.Create(
                    CultureInfo.InvariantCulture,
                    $"requests: custom_id must be unique; \"{request.CustomId}\" is used at indexes {customIds[request.CustomId]} and {index}"));
            }

            var route = router.Route(request.ModelHint, request.Stage, request.Model);
            await upload.AddAsync(
                route.Model,
                route.YieldsToBatchStage,
                new StoredRequest(index, request.CustomId, (byte)route.Rule, route.Failure?.Message ?? "", request.Parameters));
            if (time.GetElapsedTime(extendedAt) > ExtendInterval)
            {
                extendedAt = time.GetTimestamp();
                await batches.ExtendUploadAsync(upload);
            }
        }

        var envelope = new BatchEnvelope(body.HasRequests, body.Count, body.Stage, body.ExpiresInSeconds);
        var check = _validator.Validate(envelope);
        if (!check.IsValid)
        {
            throw ApiException.InvalidRequest(check.Errors[0].ErrorMessage);
        }

        return await CommitAsync(context, upload, workspace, envelope);
    }

    /// <summary>
    /// Commits. When the store's answer is lost, the upload is given up by a step that excludes a commit that may still be under way:
    /// either that holds and the caller hears of an error, or the batch turns out to stand. When not even that can be found out, the
    /// connection is closed unanswered.
    /// </summary>
    private async Task<BatchRecord> CommitAsync(HttpContext context, BatchUpload upload, string workspace, BatchEnvelope envelope)
    {
        var window = envelope.ExpiresInSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : options.Value.Window;
        var stageModel = envelope.Stage is null ? null : catalog.ModelOfStage(envelope.Stage);
        try
        {
            return await batches.CommitAsync(upload, workspace, envelope.Stage, stageModel, window)
                ?? throw ApiException.Overloaded("The upload took too long and lapsed; nothing was stored. Try again.");
        }
        catch (Exception error) when (error is RedisException or RedisTimeoutException)
        {
            Log.CommitUnanswered(logger, BatchId.Format(upload.BatchId), error.GetType().Name);
            if (await FateAsync(upload) is { } stands)
            {
                return stands ? (await batches.FindAsync(upload.BatchId))! : throw ApiException.Overloaded("The batch store (Redis) failed; nothing was stored. Try again.");
            }

            context.Abort();
            throw new OperationCanceledException("The fate of the commit is unknown.", error, context.RequestAborted);
        }
    }

    /// <summary>Whether the batch stands; null when that cannot be found out now.</summary>
    private async Task<bool?> FateAsync(BatchUpload upload)
    {
        for (var attempt = 0; attempt < FateAttempts; attempt++)
        {
            try
            {
                return !await batches.AbandonAsync(upload.BatchId, upload);
            }
            catch (Exception error) when (error is RedisException or RedisTimeoutException)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), time);
            }
        }

        return null;
    }

    private async Task AbandonAsync(BatchUpload upload)
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
