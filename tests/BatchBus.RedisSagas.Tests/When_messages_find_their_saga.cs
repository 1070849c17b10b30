using System.Text.Json;
using BatchBus.TestServers;
using MassTransit;
using MassTransit.Saga;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace BatchBus.RedisSagas.Tests;

/// <summary>A saga class without a state machine, with the repository's own key and with one that is given.</summary>
[TestFixture("")]
[TestFixture(nameof(When_messages_find_their_saga) + ":")]
public sealed class When_messages_find_their_saga(string keyPrefix)
{
    private Guid _id;
    private ServiceProvider _provider = null!;
    private ITestHarness _harness = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _id = Guid.NewGuid();
        _provider = new ServiceCollection()
            .AddSingleton(Servers.Redis)
            .AddMassTransitTestHarness(x => x.AddSaga<SimpleSaga>().RedisRepository(options =>
            {
                if (keyPrefix is not "")
                {
                    options.KeyFormat = Key;
                }
            }))
            .BuildServiceProvider(validateScopes: true);
        _harness = await _provider.StartTestHarness();
        await _harness.Bus.Publish(new InitiateSimpleSaga(_id, "first"));
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _harness.Stop();
        await _provider.DisposeAsync();
    }

    [Test]
    public async Task A_an_initiating_message_starts_the_saga()
    {
        var saga = await Eventually.ReadAsync(LoadAsync, saga => saga is not null, "the saga exists");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(saga!.Name, Is.EqualTo("first"));
            Assert.That(saga.Moved, Is.False);
            Assert.That(await Servers.Redis.GetDatabase().KeyExistsAsync(Key(_id)), Is.True);
        }
    }

    [Test]
    public async Task A_a_correlated_message_finds_the_saga()
    {
        await Eventually.ThatAsync(async () => await LoadAsync() is not null, "the saga exists");

        await _harness.Bus.Publish(new MoveSimpleSaga(_id));

        var saga = await Eventually.ReadAsync(LoadAsync, saga => saga!.Moved, "the saga has moved");
        Assert.That(saga!.Name, Is.EqualTo("first"));
    }

    [Test]
    public void N_the_probe_names_the_repository()
    {
        using var scope = _provider.CreateScope();
        var contextFactory = scope.ServiceProvider.GetRequiredService<ISagaRepositoryContextFactory<SimpleSaga>>();

        Assert.That(JsonSerializer.Serialize(contextFactory.GetProbeResult().Results), Does.Contain("\"persistence\":\"redis\""));
    }

    private async Task<SimpleSaga?> LoadAsync()
    {
        await using var scope = _provider.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<ILoadSagaRepository<SimpleSaga>>().Load(_id);
    }

    private string Key(Guid id) => keyPrefix is "" ? new RedisSagaOptions<SimpleSaga>().KeyFormat(id) : $"{keyPrefix}{id:N}";
}
