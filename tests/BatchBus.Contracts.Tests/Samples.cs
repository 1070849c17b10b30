using System.Text.Json;

namespace BatchBus.Contracts.Tests;

/// <summary>One of each message, with every member filled.</summary>
internal static class Samples
{
    private static readonly Guid Batch = new("01980000-0000-7000-8000-000000000001");
    private static readonly Guid Submission = new("0f8fad5b-d9cb-469f-a165-70867728950e");
    private static readonly DateTimeOffset Time = new(2026, 3, 4, 5, 6, 7, 890, TimeSpan.Zero);

    public static IReadOnlyList<object> All { get; } =
    [
        new BatchAccepted { SubmissionId = Submission, BatchId = Batch },
        new BatchEnded
        {
            BatchId = Batch,
            Workspace = "sales",
            Reason = BatchEndReason.Expired,
            Counts = new BatchCounts { Succeeded = 4, Errored = 3, Canceled = 2, Expired = 1 },
            EndedAt = Time,
        },
        new BatchRejected { SubmissionId = Submission, ErrorType = "invalid_request_error", Message = "requests: Field required" },
        new BatchSubmitted { BatchId = Batch, Workspace = "sales", Requests = 10, CreatedAt = Time, ExpiresAt = Time.AddDays(1) },
        new CancelBatch { BatchId = Batch },
        new ExecuteRequests { BatchId = Batch, Model = "mistral-7b", Lane = 1, From = 64, Count = 32, Workspace = "sales", Weight = 1.5 },
        new ReconcileBatch { BatchId = Batch },
        new RequestsCompleted
        {
            BatchId = Batch,
            Model = "mistral-7b",
            Lane = 1,
            From = 64,
            Count = 4,
            Requests =
            [
                new RequestCompleted { Index = 65, CustomId = "lead-65", Outcome = RequestOutcome.Succeeded, InputTokens = 30, CachedTokens = 20, OutputTokens = 10 },
                new RequestCompleted { Index = 66, CustomId = "lead-66", Outcome = RequestOutcome.Errored },
                new RequestCompleted { Index = 67, CustomId = "lead-67", Outcome = RequestOutcome.Canceled },
                new RequestCompleted { Index = 68, CustomId = "lead-68", Outcome = RequestOutcome.Expired },
            ],
        },
        new SubmitBatch
        {
            SubmissionId = Submission,
            Stage = "email",
            ExpiresInSeconds = 3600,
            WebhookUrl = "https://crm.example/batches",
            Requests =
            [
                new BatchRequest
                {
                    CustomId = "lead-1",
                    Metadata = JsonElement.Parse("""{"model_hint":"mistral-7b"}"""),
                    Params = JsonElement.Parse("""{"max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}"""),
                },
            ],
        },
    ];
}
