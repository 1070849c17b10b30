using BatchBus.Contracts;
using BatchBus.Orchestrator.Batches;
using BatchBus.Storage;
using MassTransit;

namespace BatchBus.Orchestrator.Dispatch;

/// <summary>The queue of a model, <c>model-{name}</c>, and the message that sends a page there.</summary>
internal static class ModelQueue
{
    /// <summary>An address of form <c>queue:</c> declares the queue, so that a page waits for the first worker instead of vanishing.</summary>
    private static Uri Address(string model) => new($"queue:model-{model}");

    /// <summary>Sends a page to its model's queue.</summary>
    /// <param name="bus">The bus, or the context of the message that releases the page.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="page">The page.</param>
    /// <param name="isLater">Whether the batch has been going on for a while, so that the page's trace is one of its own.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task SendAsync(ISendEndpointProvider bus, BatchState batch, OutstandingPage page, bool isLater, CancellationToken cancellationToken)
    {
        var endpoint = await bus.GetSendEndpoint(Address(page.Model));
        await endpoint.Send(
            Message(batch, page),
            context =>
            {
                if (isLater && batch.Trace is { } trace)
                {
                    context.Headers.Set(Telemetry.BatchTraceHeader, trace);
                }
            },
            cancellationToken);
    }

    private static ExecuteRequests Message(BatchState batch, OutstandingPage page) => new()
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
