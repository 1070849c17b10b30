using BatchBus.Host.Embedded;
using StackExchange.Redis;

namespace BatchBus.Host.Tests.Embedded;

public sealed class EmbeddedStoreTests
{
    private const long Memory = 64 << 20;
    private const int Keys = 300;

    private static readonly DateTime Expiry = new(2100, 1, 2, 3, 4, 5, DateTimeKind.Utc);

    private string _folder = null!;

    [SetUp]
    public void SetUp() => _folder = Directory.CreateTempSubdirectory("batchbus-store-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task What_is_deleted_makes_room_again()
    {
        await UseAsync(async database =>
        {
            await FillAsync(database);

            // More than twice its memory, had it to keep what was deleted.
            for (var round = 0; round < 300; round++)
            {
                await Task.WhenAll(Enumerable.Range(0, 250).Select(i => database.StringSetAsync($"new:{round}:{i}", new string('x', 1_000 + (i * 8)))));
                await Task.WhenAll(Enumerable.Range(0, 250).Select(i => database.KeyDeleteAsync($"new:{round}:{i}")));
            }

            await AssertFilledAsync(database);
        });

        await UseAsync(AssertFilledAsync);
    }

    [Test]
    public async Task A_large_file_is_rewritten_at_a_start_and_holds_the_same()
    {
        await UseAsync(FillAsync);
        var before = SizeOf("store-1");

        await UseAsync(AssertFilledAsync, rewriteSize: 1);
        Assert.That(SizeOf("store-2"), Is.LessThan(before));
        Assert.That(Folders(), Is.EqualTo(["store-2"]));

        await UseAsync(AssertFilledAsync, rewriteSize: 1);
        Assert.That(Folders(), Is.EqualTo(["store-3"]));
        await UseAsync(AssertFilledAsync);
    }

    [Test]
    public async Task A_rewrite_that_was_interrupted_is_forgotten()
    {
        await UseAsync(FillAsync);
        Directory.CreateDirectory(Path.Combine(_folder, "store-2-unfinished", "AOF"));

        await UseAsync(AssertFilledAsync);

        Assert.That(Folders(), Is.EqualTo(["store-1"]));
    }

    [Test]
    public async Task A_rewrite_that_was_complete_but_for_deleting_counts()
    {
        await UseAsync(FillAsync);
        Directory.Move(Path.Combine(_folder, "store-1"), Path.Combine(_folder, "store-2"));
        await UseAsync(database => database.StringSetAsync("string:0", "stale"), folder: Path.Combine(_folder, "elsewhere"));
        Directory.Move(Path.Combine(_folder, "elsewhere", "store-1"), Path.Combine(_folder, "store-1"));

        await UseAsync(AssertFilledAsync);

        Assert.That(Folders(), Is.EqualTo(["elsewhere", "store-2"]));
    }

    [Test]
    public async Task Data_of_before_there_were_generations_is_found_and_moved_by_the_first_rewrite()
    {
        await UseAsync(FillAsync);
        foreach (var part in Directory.GetDirectories(Path.Combine(_folder, "store-1")))
        {
            Directory.Move(part, Path.Combine(_folder, Path.GetFileName(part)));
        }

        Directory.Delete(Path.Combine(_folder, "store-1"));

        await UseAsync(AssertFilledAsync);
        Assert.That(Folders(), Does.Contain("AOF"));

        await UseAsync(AssertFilledAsync, rewriteSize: 1);
        Assert.That(Folders(), Is.EqualTo(["store-1"]));
    }

    private async Task UseAsync(Func<IDatabase, Task> use, long rewriteSize = EmbeddedStore.RewriteSize, string? folder = null)
    {
        using var store = await EmbeddedStore.StartAsync(folder ?? _folder, Memory, rewriteSize);
        Assert.That(store.RewriteFailure, Is.Null);
        await using var redis = await ConnectionMultiplexer.ConnectAsync(store.ConnectionString);
        await use(redis.GetDatabase());
    }

    private IEnumerable<string?> Folders() => Directory.GetDirectories(_folder).Select(Path.GetFileName).Order();

    private long SizeOf(string folder) => new DirectoryInfo(Path.Combine(_folder, folder)).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);

    private static async Task FillAsync(IDatabase database)
    {
        for (var i = 0; i < Keys; i++)
        {
            await database.StringSetAsync($"string:{i}", "of before");
            await database.StringSetAsync($"string:{i}", Value(i, 0));
            await database.HashSetAsync($"hash:{i}", [.. Enumerable.Range(1, 5).Select(field => new HashEntry(field, Value(i, field)))]);
            await database.SortedSetAddAsync($"set:{i}", [.. Enumerable.Range(0, 20).Select(place => new SortedSetEntry($"member-{place}", (i * 1.5) + place))]);
        }

        await database.HashSetAsync("large", [.. Enumerable.Range(0, 5).Select(field => new HashEntry(field, new byte[900_000]))]);
        await database.KeyExpireAsync("hash:0", Expiry);
    }

    private static async Task AssertFilledAsync(IDatabase database)
    {
        for (var i = 0; i < Keys; i++)
        {
            Assert.That((string?)await database.StringGetAsync($"string:{i}"), Is.EqualTo(Value(i, 0)));
            Assert.That(
                (await database.HashGetAllAsync($"hash:{i}")).ToDictionary(entry => (int)entry.Name, entry => (string?)entry.Value),
                Is.EquivalentTo(Enumerable.Range(1, 5).ToDictionary(field => field, field => (string?)Value(i, field))));
            Assert.That(
                (await database.SortedSetRangeByRankWithScoresAsync($"set:{i}")).Select(entry => ((string?)entry.Element, entry.Score)),
                Is.EqualTo(Enumerable.Range(0, 20).Select(place => ((string?)$"member-{place}", (i * 1.5) + place))));
        }

        Assert.That((await database.HashGetAllAsync("large")).Sum(entry => entry.Value.Length()), Is.EqualTo(5 * 900_000));
        Assert.That(await database.KeyExpireTimeAsync("hash:0"), Is.EqualTo(Expiry));
        Assert.That(await database.KeyExpireTimeAsync("hash:1"), Is.Null);
    }

    private static string Value(int i, int field) => new((char)('a' + ((i + field) % 26)), 100 + i);
}
