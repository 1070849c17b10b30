using BatchBus.Contracts;
using BatchBus.Orchestrator.Batches;

namespace BatchBus.Orchestrator.Dispatch;

/// <summary>The queue of a model, <c>model-{name}</c>, and the message that sends a page there.</summary>
internal static class ModelQueue
{
    /// <summary>An address of form <c>queue:</c> declares the queue, so that a page waits for the first worker instead of vanishing.</summary>
    public static Uri Address(string model) => new($"queue:model-{model}");

    public static ExecuteRequests Message(BatchState batch, OutstandingPage page) => new()
    {
        BatchId = batch.CorrelationId,
        Model = page.Model,
        Lane = page.Lane,
        From = page.From,
        Count = page.Count,
        Workspace = batch.Workspace,
        Weight = batch.Weight,
    };
}
