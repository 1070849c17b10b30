using MassTransit;
using MassTransit.Context;
using MassTransit.Saga;

namespace BatchBus.RedisSagas;

/// <summary>What one message does to one saga.</summary>
internal sealed class RedisSagaRepositoryContext<TSaga, TMessage>(
    RedisSagaStore<TSaga> store, ConsumeContext<TMessage> context, ISagaConsumeContextFactory<RedisSagaStore<TSaga>, TSaga> consumeContexts)
    : ConsumeContextScope<TMessage>(context), SagaRepositoryContext<TSaga, TMessage>
    where TSaga : class, ISagaVersion
    where TMessage : class
{
    private readonly ConsumeContext<TMessage> _context = context;

    public async Task<SagaConsumeContext<TSaga, TMessage>?> Insert(TSaga instance) =>
        await store.InsertAsync(instance) ? await CreateSagaConsumeContext(_context, instance, SagaConsumeContextMode.Insert) : null;

    public async Task<SagaConsumeContext<TSaga, TMessage>?> Load(Guid correlationId) =>
        await store.LoadAsync(correlationId, CancellationToken) is { } instance
            ? await CreateSagaConsumeContext(_context, instance, SagaConsumeContextMode.Load)
            : null;

    public Task<SagaConsumeContext<TSaga, TMessage>> Add(TSaga instance) =>
        CreateSagaConsumeContext(_context, instance, SagaConsumeContextMode.Add);

    public async Task Save(SagaConsumeContext<TSaga> context) =>
        ThrowUnless(await store.InsertAsync(context.Saga), "was created by another message at the same time", context);

    public async Task Update(SagaConsumeContext<TSaga> context) =>
        ThrowUnless(await store.UpdateAsync(context.Saga), "was changed or removed after this message loaded it", context);

    public async Task Delete(SagaConsumeContext<TSaga> context) =>
        ThrowUnless(await store.DeleteAsync(context.Saga), "was changed or removed after this message loaded it", context);

    // Nothing was stored for a saga that was only added, nor changed by an event that only reads.
    public Task Discard(SagaConsumeContext<TSaga> context) => Task.CompletedTask;

    public Task Undo(SagaConsumeContext<TSaga> context) => Task.CompletedTask;

    public Task<SagaConsumeContext<TSaga, T>> CreateSagaConsumeContext<T>(ConsumeContext<T> consumeContext, TSaga instance, SagaConsumeContextMode mode)
        where T : class =>
        consumeContexts.CreateSagaConsumeContext(store, consumeContext, instance, mode);

    private static void ThrowUnless(bool stored, string reason, SagaConsumeContext<TSaga> context)
    {
        if (!stored)
        {
            throw new ConcurrencyException($"The saga {reason}", typeof(TSaga), context.Saga.CorrelationId);
        }
    }
}
