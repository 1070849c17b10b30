using BatchBus.Contracts;
using MassTransit;
using StackExchange.Redis;

namespace BatchBus.Orchestrator.Batches;

/// <summary>
/// How the saga's queue is worked: conflicts and outages of the store are retried, messages leave only after the save, events of one
/// batch run one after another.
/// </summary>
internal sealed class BatchStateDefinition : SagaDefinition<BatchState>
{
    private const int Lanes = 16;

    /// <summary>A confirm of the broker can be lost with its connection, and whoever waits for it waits for ever.</summary>
    private static readonly TimeSpan LongestEvent = TimeSpan.FromSeconds(20);

    public BatchStateDefinition()
    {
        EndpointName = "batch-state";
    }

    protected override void ConfigureSaga(
        IReceiveEndpointConfigurator endpointConfigurator, ISagaConfigurator<BatchState> sagaConfigurator, IRegistrationContext context)
    {
        endpointConfigurator.PrefetchCount = 4 * Lanes;
        endpointConfigurator.ConcurrentMessageLimit = Lanes;

        // An outage of the store or of the broker is not a failure of a message: it waits, at a growing distance, for as long as it takes.
        endpointConfigurator.UseMessageRetry(retry =>
        {
            retry.Handle<RedisException>();
            retry.Handle<RedisTimeoutException>();
            retry.Handle<ConsumerCanceledException>();
            retry.Exponential(100_000, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(15), TimeSpan.FromMilliseconds(200));
        });
        endpointConfigurator.UseMessageRetry(retry =>
        {
            retry.Handle<ConcurrencyException>();
            retry.Exponential(20, TimeSpan.FromMilliseconds(5), TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(10));
        });
        endpointConfigurator.UseTimeout(timeout => timeout.Timeout = LongestEvent);
        endpointConfigurator.UseInMemoryOutbox(context);

        var partitioner = endpointConfigurator.CreatePartitioner(Lanes);
        sagaConfigurator.Message<BatchSubmitted>(message => message.UsePartitioner(partitioner, batch => batch.Message.BatchId));
        sagaConfigurator.Message<RequestsCompleted>(message => message.UsePartitioner(partitioner, batch => batch.Message.BatchId));
        sagaConfigurator.Message<CancelBatch>(message => message.UsePartitioner(partitioner, batch => batch.Message.BatchId));
        sagaConfigurator.Message<ReconcileBatch>(message => message.UsePartitioner(partitioner, batch => batch.Message.BatchId));
        sagaConfigurator.Message<BatchEnded>(message => message.UsePartitioner(partitioner, batch => batch.Message.BatchId));
    }
}
