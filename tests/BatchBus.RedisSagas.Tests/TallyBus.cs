using BatchBus.RedisSagas.SecondWriter;
using MassTransit;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace BatchBus.RedisSagas.Tests;

/// <summary>A bus in memory with the tally saga on a real Redis.</summary>
internal sealed class TallyBus : IAsyncDisposable
{
    private readonly ServiceProvider _provider;
    private readonly ITestHarness _harness;

    private TallyBus(ServiceProvider provider, ITestHarness harness)
    {
        _provider = provider;
        _harness = harness;
    }

    public TallyProbe Probe => _provider.GetRequiredService<TallyProbe>();

    public IBus Bus => _harness.Bus;

    public static async Task<TallyBus> StartAsync<TMachine, TDefinition>(string keyPrefix, IConnectionMultiplexer? redis = null, TimeSpan? expiry = null)
        where TMachine : class, SagaStateMachine<TallyState>
        where TDefinition : class, ISagaDefinition<TallyState>
    {
        var provider = new ServiceCollection()
            .AddSingleton<TallyProbe>()
            .AddSingleton(redis ?? Servers.Redis)
            .AddMassTransitTestHarness(x => x.AddSagaStateMachine<TMachine, TallyState, TDefinition>().RedisRepository(options =>
            {
                options.KeyFormat = id => $"{keyPrefix}{id:N}";
                options.Expiry = expiry;
            }))
            .BuildServiceProvider(validateScopes: true);
        return new TallyBus(provider, await provider.StartTestHarness());
    }

    public static Task<TallyBus> StartAsync(string keyPrefix, TimeSpan? expiry = null) =>
        StartAsync<TallyStateMachine, TallyDefinition>(keyPrefix, expiry: expiry);

    /// <summary>Sends the message; the answer comes after the saga was stored.</summary>
    public async Task<TallyChanged> AskAsync<T>(T message)
        where T : class =>
        (await Bus.CreateRequestClient<T>().GetResponse<TallyChanged>(message)).Message;

    /// <summary>Sends the messages at once and returns the exception type with which each failed, null for an answer.</summary>
    public async Task<string?[]> OutcomesAsync<T>(IEnumerable<T> messages)
        where T : class =>
        await Task.WhenAll(messages.Select(OutcomeAsync));

    public async Task<string?> OutcomeAsync<T>(T message)
        where T : class
    {
        try
        {
            await AskAsync(message);
            return null;
        }
        catch (RequestFaultException fault)
        {
            return fault.Fault!.Exceptions[0].ExceptionType;
        }
    }

    public async Task<TallyState?> LoadAsync(Guid id)
    {
        await using var scope = _provider.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<ILoadSagaRepository<TallyState>>().Load(id);
    }

    public async ValueTask DisposeAsync()
    {
        await _harness.Stop();
        await _provider.DisposeAsync();
    }
}
