using System.Text.Json;
using System.Text.Json.Serialization;
using BatchBus.Api.Errors;
using BatchBus.Api.Keys;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Submissions;
using MassTransit;

namespace BatchBus.Api.Batches.Submit;

/// <summary>The bus as an entrance: the same checks and the same store as over HTTP, one batch per submission however often it arrives.</summary>
internal sealed class SubmitBatchConsumer(ApiKeyRing keys, BatchStore batches, SubmissionStore submissions, BatchIntake intake) : IConsumer<SubmitBatch>
{
    private const string Workspace = "default";

    public async Task Consume(ConsumeContext<SubmitBatch> context)
    {
        if (!keys.IsEmpty)
        {
            // A message carries no key, so where keys are demanded it would be a way around them.
            await RejectAsync(context, ApiException.Unauthenticated("API keys are configured, and a batch on the bus carries none. Submit it over HTTP."));
            return;
        }

        var submission = context.Message.SubmissionId.ToString("N");
        var upload = await batches.BeginUploadAsync();
        var tied = (await submissions.ClaimAsync(Workspace, submission, upload.BatchId)).BatchId;
        if (tied != upload.BatchId)
        {
            if (!await batches.AbandonAsync(tied))
            {
                await batches.AbandonAsync(upload.BatchId);
                await context.RespondAsync(new BatchAccepted { SubmissionId = context.Message.SubmissionId, BatchId = tied });
                return;
            }

            // The earlier attempt died before its commit, and can commit no more.
            if ((await submissions.ClaimAsync(Workspace, submission, upload.BatchId, replaces: tied)).BatchId != upload.BatchId)
            {
                throw new ConcurrencyException("Another delivery of the submission is ahead; this one is tried again.", typeof(SubmitBatch), context.Message.SubmissionId);
            }
        }

        try
        {
            var message = context.Message;
            var record = await intake.TakeInAsync(
                upload,
                Workspace,
                Entries(message),
                () => new BatchEnvelope(true, message.Requests.Count, message.Stage, message.ExpiresInSeconds, message.WebhookUrl),
                beforeCommit: null,
                context.CancellationToken);
            await context.RespondAsync(new BatchAccepted { SubmissionId = message.SubmissionId, BatchId = record.BatchId });
        }
        catch (ApiException refused) when (refused.Status < 500)
        {
            await RejectAsync(context, refused);
        }
    }

    private static Task RejectAsync(ConsumeContext<SubmitBatch> context, ApiException refused)
        => context.RespondAsync(new BatchRejected { SubmissionId = context.Message.SubmissionId, ErrorType = refused.Type, Message = refused.Message });

    private static IAsyncEnumerable<ReadOnlyMemory<byte>> Entries(SubmitBatch message)
        => message.Requests.ToAsyncEnumerable().Select(request => (ReadOnlyMemory<byte>)JsonSerializer.SerializeToUtf8Bytes(request, BatchRequestJson.Default.BatchRequest));
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(BatchRequest))]
internal sealed partial class BatchRequestJson : JsonSerializerContext;
