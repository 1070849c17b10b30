using System.Text.Json;
using System.Text.Json.Serialization;
using BatchBus.Api.Errors;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Submissions;
using MassTransit;
using Microsoft.Extensions.Options;

namespace BatchBus.Api.Batches.Submit;

/// <summary>The bus as an entrance: the same checks and the same store as over HTTP, one batch per submission however often it arrives.</summary>
internal sealed class SubmitBatchConsumer(
    BusUsers users,
    BatchStore batches,
    SubmissionStore submissions,
    CreateTies ties,
    BatchIntake intake,
    IOptions<ApiOptions> options,
    SubmissionAnswers answers) : IConsumer<SubmitBatch>
{
    /// <summary>A broker holds messages in memory; HTTP streams.</summary>
    private const long MaxBytes = 8 << 20;

    public async Task Consume(ConsumeContext<SubmitBatch> context)
    {
        // Nothing is accepted whose sender could not hear of it.
        if (!await answers.CanReachAsync(context))
        {
            return;
        }

        try
        {
            var batchId = await TakeInAsync(context, users.WorkspaceOf(context));
            await AnswerAsync(context, new BatchAccepted { SubmissionId = context.Message.SubmissionId, BatchId = batchId });
        }
        catch (ApiException refused) when (refused.Status is 400 or 401 or 413)
        {
            await AnswerAsync(context, new BatchRejected { SubmissionId = context.Message.SubmissionId, ErrorType = refused.Type, Message = refused.Message });
        }
    }

    private Task AnswerAsync<T>(ConsumeContext<SubmitBatch> context, T answer)
        where T : class
        => context.ResponseAddress is { } address
            ? answers.TrySendAsync(address, context.RequestId, answer, context.CancellationToken)
            : context.Publish(answer, context.CancellationToken);

    private async Task<Guid> TakeInAsync(ConsumeContext<SubmitBatch> context, string workspace)
    {
        var (message, size) = (context.Message, context.ReceiveContext.Body.Length);
        if (size > MaxBytes)
        {
            throw ApiException.TooLarge(
                $"The message has {size} bytes, and a batch on the bus at most {MaxBytes}. Submit it over HTTP, where a batch has at most {options.Value.MaxBatchBytes}, or split it.");
        }

        var name = message.SubmissionId.ToString("N");
        var upload = await batches.BeginUploadAsync();
        if (await ties.TieAsync(workspace, name, upload.BatchId, SubmissionStore.Memory, oldest: null, context.CancellationToken) is { } earlier)
        {
            await intake.AbandonAsync(upload);
            return earlier.Record.BatchId;
        }

        using var done = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        var alive = ties.KeepAliveAsync(workspace, name, upload.BatchId, done.Token);
        try
        {
            var record = await intake.TakeInAsync(
                upload,
                workspace,
                Entries(message),
                () => new BatchEnvelope(message.Requests is not null, message.Requests?.Count ?? 0, message.Stage, message.ExpiresInSeconds, message.WebhookUrl),
                beforeCommit: null,
                context.CancellationToken);
            return record.BatchId;
        }
        catch (Exception error) when (error is not UnknownFateException)
        {
            await submissions.ReleaseAsync(workspace, name, upload.BatchId);
            throw;
        }
        finally
        {
            await done.CancelAsync();
            await alive;
        }
    }

    private static IAsyncEnumerable<ReadOnlyMemory<byte>> Entries(SubmitBatch message)
        => (message.Requests ?? []).ToAsyncEnumerable().Select(request => (ReadOnlyMemory<byte>)JsonSerializer.SerializeToUtf8Bytes(request, BatchRequestJson.Default.BatchRequest));
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(BatchRequest))]
internal sealed partial class BatchRequestJson : JsonSerializerContext;
