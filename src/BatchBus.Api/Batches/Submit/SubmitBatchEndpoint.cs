using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using BatchBus.Api.Batches.Read;
using BatchBus.Api.Errors;
using BatchBus.Api.Keys;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Submissions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace BatchBus.Api.Batches.Submit;

/// <summary>
/// <c>POST /v1/messages/batches</c>. A repeated create makes no second batch: one with an <c>Idempotency-Key</c> is known by it, one
/// that a client's library repeats after a lost answer by the hash of its body.
/// </summary>
internal sealed partial class SubmitBatchEndpoint(
    BatchStore batches,
    SubmissionStore submissions,
    CreateTies ties,
    WaitingRequests waiting,
    BatchIntake intake,
    BatchResponse response,
    IOptions<ApiOptions> options,
    TimeProvider time,
    ILogger<SubmitBatchEndpoint> logger)
{
    /// <summary>What may pass between a client's giving up and its repetition, beyond its own time-out.</summary>
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(60);

    public async Task HandleAsync(HttpContext context)
    {
        var headers = CreateHeaders.Read(context.Request);
        using var body = CreateBody.Open(context, options.Value);
        using var patience = new CancellationTokenSource(options.Value.MaxUploadTime, time);
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, patience.Token);
        try
        {
            var record = headers.IdempotencyKey is { } key
                ? await CreateNamedAsync(context.Caller(), $"key:{HashOf(key)}", body, stopping.Token)
                : await CreateAsync(context.Caller(), headers, body, stopping.Token);
            await response.WriteAsync(context, record);
        }
        catch (UnknownFateException)
        {
            // A repeat of an unanswered create finds the batch if it stands; any answer could turn out wrong.
            context.Abort();
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            throw ApiException.TooSlow($"The body did not arrive within {options.Value.MaxUploadTime.TotalSeconds:0} seconds. Split the batch.");
        }
    }

    /// <summary>A create that its caller has named: the name is taken before the body is read.</summary>
    private async Task<BatchRecord> CreateNamedAsync(Caller caller, string name, BatchBodyReader body, CancellationToken cancellationToken)
    {
        var workspace = caller.Workspace;
        var upload = await batches.BeginUploadAsync();
        EarlierCreate? earlier;
        try
        {
            earlier = await ties.TieAsync(workspace, name, upload.BatchId, SubmissionStore.Memory, oldest: null, cancellationToken);
        }
        catch
        {
            await intake.AbandonAsync(upload);
            throw;
        }

        if (earlier is not null)
        {
            await intake.AbandonAsync(upload);
            await body.SkipAsync(cancellationToken);
            return body.Hash() == earlier.Body
                ? earlier.Record
                : throw ApiException.InvalidRequest("Idempotency-Key: has been used for a create with another body. Use a new key for a new batch.");
        }

        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var alive = ties.KeepAliveAsync(workspace, name, upload.BatchId, done.Token);
        try
        {
            return await intake.TakeInAsync(
                upload, workspace, EntriesAsync(body, cancellationToken), () => body.Envelope, NoteBodyAsync, cancellationToken);
        }
        catch (Exception error) when (error is not UnknownFateException)
        {
            await ReleaseAsync(caller, name, upload.BatchId);
            throw;
        }
        finally
        {
            await done.CancelAsync();
            await alive;
        }

        async Task<BatchRecord?> NoteBodyAsync()
        {
            if (!await submissions.HoldAsync(workspace, name, upload.BatchId, CreateTies.Lease, body.Hash()))
            {
                throw ApiException.Overloaded("The upload took too long to be heard of, and another with its Idempotency-Key went ahead. Try again.");
            }

            await waiting.AddAsync(caller, upload.BatchId, body.Envelope.RequestCount);
            return null;
        }
    }

    /// <summary>
    /// A create without a name: two of the same body are two batches, unless the client says that it repeats itself and the first is not
    /// older than it would have waited for.
    /// </summary>
    private async Task<BatchRecord> CreateAsync(Caller caller, CreateHeaders headers, BatchBodyReader body, CancellationToken cancellationToken)
    {
        var (workspace, began) = (caller.Workspace, time.GetTimestamp());
        var window = headers.Timeout + RetryDelay;
        var memory = window * 2;
        var upload = await batches.BeginUploadAsync();
        string? name = null;
        try
        {
            return await intake.TakeInAsync(
                upload, workspace, EntriesAsync(body, cancellationToken), () => body.Envelope, FindEarlierAsync, cancellationToken);
        }
        catch (Exception error) when (error is not UnknownFateException)
        {
            if (name is not null)
            {
                await ReleaseAsync(caller, name, upload.BatchId);
            }

            throw;
        }

        async Task<BatchRecord?> FindEarlierAsync()
        {
            name = $"body:{body.Hash()}";
            if (headers.IsRetry
                && await ties.TieAsync(workspace, name, upload.BatchId, memory, window + time.GetElapsedTime(began), cancellationToken) is { Record: var earlier })
            {
                // It is remembered anew: this answer may be lost as well.
                await submissions.RecordAsync(workspace, name, earlier.BatchId, CreateTies.Lease, memory);
                return earlier;
            }

            if (!headers.IsRetry)
            {
                await submissions.RecordAsync(workspace, name, upload.BatchId, CreateTies.Lease, memory);
            }

            await waiting.AddAsync(caller, upload.BatchId, body.Envelope.RequestCount);
            return null;
        }
    }

    /// <summary>Where this fails, the tie gives way by itself once its lease has lapsed.</summary>
    private async Task ReleaseAsync(Caller caller, string name, Guid batchId)
    {
        try
        {
            await submissions.ReleaseAsync(caller.Workspace, name, batchId);
            await waiting.RemoveAsync(caller, batchId);
        }
        catch (Exception error) when (error is RedisException or RedisTimeoutException)
        {
            Log.ReleaseFailed(logger, error.GetType().Name);
        }
    }

    private static string HashOf(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(key)));

    private static async IAsyncEnumerable<ReadOnlyMemory<byte>> EntriesAsync(
        BatchBodyReader body, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (await body.NextAsync(cancellationToken) is { } entry)
        {
            yield return entry;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The name of a refused create could not be given back now ({Error}); its lease lapses")]
        public static partial void ReleaseFailed(ILogger logger, string error);
    }
}
