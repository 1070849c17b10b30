using BatchBus.RedisSagas.SecondWriter;

namespace BatchBus.RedisSagas.Tests;

public sealed class When_a_saga_runs_its_life
{
    private const string KeyPrefix = nameof(When_a_saga_runs_its_life) + ":";

    [TestCase(null)]
    [TestCase(3_600)]
    public async Task A_and_h_it_starts_updates_and_is_gone_when_it_completes(int? expirySeconds)
    {
        await using var bus = await TallyBus.StartAsync(KeyPrefix, expiry: expirySeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null);
        var id = Guid.NewGuid();

        await bus.AskAsync(new StartTally(id));
        await bus.AskAsync(new AddToTally(id));
        var running = await bus.LoadAsync(id);
        var timeToLive = await Servers.Redis.GetDatabase().KeyTimeToLiveAsync(Key(id));
        await bus.AskAsync(new CompleteTally(id));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(running!.Total, Is.EqualTo(1));
            Assert.That(timeToLive, expirySeconds is null ? Is.Null : Is.InRange(TimeSpan.FromMinutes(59), TimeSpan.FromMinutes(60)));
            Assert.That(await bus.LoadAsync(id), Is.Null);
            Assert.That(await Servers.Redis.GetDatabase().KeyExistsAsync(Key(id)), Is.False);
        }
    }

    [Test]
    public async Task G_an_event_that_only_reads_writes_nothing()
    {
        await using var bus = await TallyBus.StartAsync(KeyPrefix);
        var id = Guid.NewGuid();
        await bus.AskAsync(new StartTally(id));
        var before = await Servers.Redis.GetDatabase().HashGetAllAsync(Key(id));

        var answer = await bus.AskAsync(new ReadTally(id));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Total, Is.EqualTo(1_000), "the behaviour changes its copy, so that a write would show");
            Assert.That(await Servers.Redis.GetDatabase().HashGetAllAsync(Key(id)), Is.EqualTo(before));
        }
    }

    private static string Key(Guid id) => $"{KeyPrefix}{id:N}";
}
