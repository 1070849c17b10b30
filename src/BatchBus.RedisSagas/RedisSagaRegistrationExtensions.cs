using MassTransit;
using MassTransit.Configuration;
using MassTransit.Saga;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace BatchBus.RedisSagas;

/// <summary>Registers the Redis repository for a saga.</summary>
public static class RedisSagaRegistrationExtensions
{
    /// <summary>
    /// Keeps the saga in Redis, through the <see cref="IConnectionMultiplexer"/> that the container holds. A write that lost against a
    /// concurrent one throws <see cref="ConcurrencyException"/>; the repository never retries, so the saga's definition must.
    /// Also registers <see cref="ILoadSagaRepository{TSaga}"/>. Events must be correlated by id: queries are not supported.
    /// </summary>
    /// <typeparam name="TSaga">The saga; its <see cref="ISagaVersion.Version"/> belongs to the repository.</typeparam>
    /// <param name="configurator">The saga's registration.</param>
    /// <param name="configure">Changes the options.</param>
    /// <returns>The same registration.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><see cref="RedisSagaOptions{TSaga}.Expiry"/> is below one millisecond.</exception>
    public static ISagaRegistrationConfigurator<TSaga> RedisRepository<TSaga>(
        this ISagaRegistrationConfigurator<TSaga> configurator, Action<RedisSagaOptions<TSaga>>? configure = null)
        where TSaga : class, ISagaVersion
    {
        ArgumentNullException.ThrowIfNull(configurator);
        var options = new RedisSagaOptions<TSaga>();
        configure?.Invoke(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Expiry ?? TimeSpan.MaxValue, TimeSpan.FromMilliseconds(1), nameof(options.Expiry));

        return configurator.Repository(services =>
        {
            services.AddSingleton(provider => new RedisSagaStore<TSaga>(provider.GetRequiredService<IConnectionMultiplexer>(), options));
            services.RegisterLoadSagaRepository<TSaga, RedisSagaRepositoryContextFactory<TSaga>>();
            services.RegisterSagaRepository<
                TSaga,
                RedisSagaStore<TSaga>,
                SagaConsumeContextFactory<RedisSagaStore<TSaga>, TSaga>,
                RedisSagaRepositoryContextFactory<TSaga>>();
        });
    }
}
