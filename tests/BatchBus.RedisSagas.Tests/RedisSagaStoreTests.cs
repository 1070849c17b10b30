using BatchBus.RedisSagas.SecondWriter;
using StackExchange.Redis;

namespace BatchBus.RedisSagas.Tests;

/// <summary>The repository's reads and writes, without a bus. The letters are the points of the repository's acceptance list.</summary>
[TestFixture(StoreKind.Redis)]
[TestFixture(StoreKind.Garnet)]
public sealed class RedisSagaStoreTests(StoreKind kind)
{
    private RedisSagaStore<TallyState> _store = null!;

    private IDatabase Database => Servers.Connection(kind).GetDatabase();

    [SetUp]
    public void SetUp() => _store = Store();

    [Test]
    public async Task Insert_of_an_existing_saga_changes_nothing()
    {
        var saga = await InsertedAsync(total: 5);

        var inserted = await _store.InsertAsync(new TallyState { CorrelationId = saga.CorrelationId });

        using (Assert.EnterMultipleScope())
        {
            Assert.That(inserted, Is.False);
            Assert.That((await LoadAsync(saga))!.Total, Is.EqualTo(5));
        }
    }

    [Test]
    public async Task Update_stores_the_saga_and_its_next_version()
    {
        var saga = await InsertedAsync();
        var version = saga.Version;
        saga.Total = 7;

        var updated = await _store.UpdateAsync(saga);

        var stored = await LoadAsync(saga);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(updated, Is.True);
            Assert.That(stored!.Total, Is.EqualTo(7));
            Assert.That(stored.Version, Is.EqualTo(version + 1));
        }
    }

    [Test]
    public async Task A_load_of_no_saga_gives_null() =>
        Assert.That(await _store.LoadAsync(Guid.NewGuid(), CancellationToken.None), Is.Null);

    [Test]
    public async Task D_a_stale_update_is_refused()
    {
        var saga = await InsertedAsync();
        var stale = await LoadAsync(saga);
        saga.Total = 1;
        await _store.UpdateAsync(saga);

        stale!.Total = 9;
        var updated = await _store.UpdateAsync(stale);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(updated, Is.False);
            Assert.That((await LoadAsync(saga))!.Total, Is.EqualTo(1));
        }
    }

    [Test]
    public async Task E_a_stale_delete_is_refused()
    {
        var saga = await InsertedAsync();
        var stale = await LoadAsync(saga);
        await _store.UpdateAsync(saga);

        var deleted = await _store.DeleteAsync(stale!);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(deleted, Is.False);
            Assert.That(await LoadAsync(saga), Is.Not.Null);
        }
    }

    [Test]
    public async Task F_an_update_or_a_delete_of_a_deleted_saga_is_refused()
    {
        var saga = await InsertedAsync();
        var stale = await LoadAsync(saga);
        await _store.DeleteAsync(saga);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await _store.DeleteAsync(stale!), Is.False);
            Assert.That(await _store.UpdateAsync(stale!), Is.False);
            Assert.That(await LoadAsync(saga), Is.Null);
        }
    }

    [Test]
    public async Task F_an_update_from_a_former_life_of_the_saga_is_refused()
    {
        var former = await InsertedAsync(total: 1);
        var stale = await LoadAsync(former);
        await _store.DeleteAsync(former);
        await _store.InsertAsync(new TallyState { CorrelationId = former.CorrelationId, Total = 2 });

        var updated = await _store.UpdateAsync(stale!);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(updated, Is.False);
            Assert.That((await LoadAsync(former))!.Total, Is.EqualTo(2));
        }
    }

    [Test]
    public async Task H_a_deleted_saga_leaves_no_key_and_its_successor_gets_a_full_time_to_live()
    {
        _store = Store(TimeSpan.FromHours(1));
        var saga = await InsertedAsync();
        await Database.KeyExpireAsync(Key(saga.CorrelationId), TimeSpan.FromMinutes(10));
        await _store.DeleteAsync(saga);
        var existed = await Database.KeyExistsAsync(Key(saga.CorrelationId));

        await _store.InsertAsync(saga);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(existed, Is.False);
            Assert.That(await TimeToLiveAsync(saga), Is.GreaterThan(TimeSpan.FromMinutes(59)));
        }
    }

    [Test]
    public async Task H_a_saga_without_expiry_lives_until_it_completes() =>
        Assert.That(await TimeToLiveAsync(await InsertedAsync()), Is.Null);

    [Test]
    public async Task I_the_time_to_live_survives_updates()
    {
        _store = Store(TimeSpan.FromHours(1));
        var saga = await InsertedAsync();
        await Database.KeyExpireAsync(Key(saga.CorrelationId), TimeSpan.FromMinutes(10));

        await _store.UpdateAsync(saga);

        Assert.That(await TimeToLiveAsync(saga), Is.InRange(TimeSpan.FromMinutes(9), TimeSpan.FromMinutes(10)));
    }

    [Test]
    public async Task J_two_saga_types_with_the_same_id_do_not_meet()
    {
        var tallies = new RedisSagaStore<TallyState>(Servers.Connection(kind), new RedisSagaOptions<TallyState>());
        var others = new RedisSagaStore<SimpleSaga>(Servers.Connection(kind), new RedisSagaOptions<SimpleSaga>());
        var id = Guid.NewGuid();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await tallies.InsertAsync(new TallyState { CorrelationId = id, Total = 3 }), Is.True);
            Assert.That(await others.InsertAsync(new SimpleSaga { CorrelationId = id }), Is.True);
            Assert.That((await tallies.LoadAsync(id, CancellationToken.None))!.Total, Is.EqualTo(3));
        }
    }

    [Test]
    public async Task K_unknown_properties_of_a_stored_saga_are_tolerated()
    {
        var id = Guid.NewGuid();
        await Database.HashSetAsync(
            Key(id), [new("version", 4), new("document", $$"""{"correlationId":"{{id}}","total":6,"fromALaterRelease":[{"a":1}] }""")]);

        var saga = await _store.LoadAsync(id, CancellationToken.None);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(saga!.Total, Is.EqualTo(6));
            Assert.That(await _store.UpdateAsync(saga), Is.True);
        }
    }

    [Test]
    public async Task P_every_script_survives_a_flush_of_the_script_cache()
    {
        var saga = await InsertedAsync();
        await _store.UpdateAsync(saga);
        await _store.DeleteAsync(saga);

        using (Assert.EnterMultipleScope())
        {
            await FlushScriptsAsync();
            Assert.That(await _store.InsertAsync(saga), Is.True);
            await FlushScriptsAsync();
            Assert.That(await _store.UpdateAsync(saga), Is.True);
            await FlushScriptsAsync();
            Assert.That(await _store.DeleteAsync(saga), Is.True);
        }
    }

    // Not by the client's own method: the client must not know.
    private Task<RedisResult> FlushScriptsAsync() => Database.ExecuteAsync("SCRIPT", "FLUSH");

    private async Task<TallyState> InsertedAsync(int total = 0)
    {
        var saga = new TallyState { CorrelationId = Guid.NewGuid(), Total = total };
        Assert.That(await _store.InsertAsync(saga), Is.True);
        return saga;
    }

    private Task<TallyState?> LoadAsync(TallyState saga) => _store.LoadAsync(saga.CorrelationId, CancellationToken.None);

    private Task<TimeSpan?> TimeToLiveAsync(TallyState saga) => Database.KeyTimeToLiveAsync(Key(saga.CorrelationId));

    private RedisSagaStore<TallyState> Store(TimeSpan? expiry = null) =>
        new(Servers.Connection(kind), new RedisSagaOptions<TallyState> { KeyFormat = Key, Expiry = expiry });

    private static string Key(Guid id) => $"{nameof(RedisSagaStoreTests)}:{id:N}";
}
