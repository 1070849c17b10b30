using MassTransit;

namespace BatchBus.RedisSagas;

/// <summary>Where and for how long the sagas of one type are kept.</summary>
/// <typeparam name="TSaga">The saga.</typeparam>
public sealed class RedisSagaOptions<TSaga>
    where TSaga : class, ISagaVersion
{
    /// <summary>Gives the Redis key of a saga. Two saga types must never be given the same key.</summary>
    /// <value>The type's full name, a colon and the correlation id in 32 hex digits.</value>
    public Func<Guid, string> KeyFormat { get; set; } = static correlationId => $"{typeof(TSaga).FullName}:{correlationId:N}";

    /// <summary>How long a saga lives at most, counted from its creation; updates do not prolong it. Whole milliseconds.</summary>
    /// <value><see langword="null"/>: until it completes.</value>
    public TimeSpan? Expiry { get; set; }
}
