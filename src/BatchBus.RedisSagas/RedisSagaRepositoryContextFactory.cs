using MassTransit;
using MassTransit.Saga;

namespace BatchBus.RedisSagas;

internal sealed class RedisSagaRepositoryContextFactory<TSaga>(
    RedisSagaStore<TSaga> store, ISagaConsumeContextFactory<RedisSagaStore<TSaga>, TSaga> consumeContexts)
    : ISagaRepositoryContextFactory<TSaga>, ILoadSagaRepositoryContextFactory<TSaga>
    where TSaga : class, ISagaVersion
{
    public Task Send<T>(ConsumeContext<T> context, IPipe<SagaRepositoryContext<TSaga, T>> next)
        where T : class =>
        next.Send(new RedisSagaRepositoryContext<TSaga, T>(store, context, consumeContexts));

    public Task SendQuery<T>(ConsumeContext<T> context, ISagaQuery<TSaga> query, IPipe<SagaRepositoryQueryContext<TSaga, T>> next)
        where T : class =>
        throw new NotImplementedByDesignException($"{typeof(TSaga).Name} is kept in Redis by id: correlate {typeof(T).Name} by id, not by a query.");

    public Task<T> Execute<T>(Func<LoadSagaRepositoryContext<TSaga>, Task<T>> asyncMethod, CancellationToken cancellationToken)
        where T : class =>
        asyncMethod(new RedisLoadSagaRepositoryContext<TSaga>(store, cancellationToken));

    public void Probe(ProbeContext context) => context.Add("persistence", "redis");
}
