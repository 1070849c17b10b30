using MassTransit;
using MassTransit.Middleware;
using MassTransit.Saga;

namespace BatchBus.RedisSagas;

internal sealed class RedisLoadSagaRepositoryContext<TSaga>(RedisSagaStore<TSaga> store, CancellationToken cancellationToken)
    : BasePipeContext(cancellationToken), LoadSagaRepositoryContext<TSaga>
    where TSaga : class, ISagaVersion
{
    // The interface is not annotated: null says that there is no such saga.
    public async Task<TSaga> Load(Guid correlationId) => (await store.LoadAsync(correlationId, CancellationToken))!;
}
