using System.Text.Json;
using MassTransit;
using MassTransit.Serialization;
using StackExchange.Redis;

namespace BatchBus.RedisSagas;

/// <summary>
/// The sagas of one type: a hash for each, with its version and its document. Every write is one script on one key that compares the version.
/// </summary>
internal sealed class RedisSagaStore<TSaga>(IConnectionMultiplexer redis, RedisSagaOptions<TSaga> options)
    where TSaga : class, ISagaVersion
{
    private static readonly RedisValue[] Fields = ["version", "document"];

    // The same format inside and outside of a message, whatever serializer the bus uses: the saga's bare JSON.
    private static JsonSerializerOptions Json => SystemTextJsonMessageSerializer.Options;

    public async Task<TSaga?> LoadAsync(Guid correlationId, CancellationToken cancellationToken)
    {
        var fields = await redis.GetDatabase().HashGetAsync(Key(correlationId), Fields).WaitAsync(cancellationToken);
        if (fields[0].IsNull)
        {
            return null;
        }

        var saga = JsonSerializer.Deserialize<TSaga>((byte[])fields[1]!, Json)!;
        saga.Version = (int)fields[0];
        return saga;
    }

    public Task<bool> InsertAsync(TSaga saga)
    {
        // A saga that is created again after it completed must not meet the versions of its former life: a writer that still holds one of
        // those would overwrite it.
        saga.Version = Random.Shared.Next(1, int.MaxValue / 2);
        return RunAsync(SagaScripts.Insert, saga, saga.Version, Document(saga), (long)(options.Expiry?.TotalMilliseconds ?? 0));
    }

    public Task<bool> UpdateAsync(TSaga saga)
    {
        var loaded = saga.Version++;
        return RunAsync(SagaScripts.Update, saga, loaded, saga.Version, Document(saga));
    }

    public Task<bool> DeleteAsync(TSaga saga) => RunAsync(SagaScripts.Delete, saga, saga.Version);

    // Not cancellable: whether a script that was sent has run could no longer be told.
    private async Task<bool> RunAsync(string script, TSaga saga, params RedisValue[] values)
    {
        return (bool)await (Failpoint.Armed is { } failpoint ? failpoint.AroundAsync("saga:save", EvaluateAsync) : EvaluateAsync());

        Task<RedisResult> EvaluateAsync() => redis.GetDatabase().ScriptEvaluateAsync(script, [Key(saga.CorrelationId)], values);
    }

    private RedisKey Key(Guid correlationId) => options.KeyFormat(correlationId);

    private static RedisValue Document(TSaga saga) => JsonSerializer.SerializeToUtf8Bytes(saga, Json);
}
