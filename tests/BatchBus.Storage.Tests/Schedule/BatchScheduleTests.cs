using BatchBus.Contracts;

namespace BatchBus.Storage.Tests.Schedule;

public sealed class BatchScheduleTests(StoreServer server) : StoreFixture(server)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Test]
    public async Task A_batch_is_claimed_when_it_is_due_and_not_before()
    {
        var batchId = NewId();
        await Schedule.SetAsync(batchId, TimeSpan.FromSeconds(10));
        Time.Advance(TimeSpan.FromSeconds(10) - TimeSpan.FromMilliseconds(1));
        Assert.That(await Schedule.ClaimAsync(10, Patience), Is.Empty);

        Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.That(await Schedule.ClaimAsync(10, Patience), Is.EqualTo(new[] { batchId }));
    }

    [Test]
    public async Task A_claim_that_is_not_followed_up_is_due_again()
    {
        var batchId = NewId();
        await Schedule.SetAsync(batchId, TimeSpan.Zero);
        await Schedule.ClaimAsync(10, Patience);
        Assert.That(await Schedule.ClaimAsync(10, Patience), Is.Empty);

        Time.Advance(Patience);

        Assert.That(await Schedule.ClaimAsync(10, Patience), Is.EqualTo(new[] { batchId }));
    }

    [Test]
    public async Task The_longest_due_are_claimed_first_and_no_more_than_asked_for()
    {
        var ids = Enumerable.Range(0, 5).Select(_ => NewId()).ToList();
        for (var i = 0; i < ids.Count; i++)
        {
            await Schedule.SetAsync(ids[i], TimeSpan.FromSeconds(ids.Count - i));
        }

        Time.Advance(TimeSpan.FromSeconds(10));

        Assert.That(await Schedule.ClaimAsync(2, Patience), Is.EqualTo(new[] { ids[4], ids[3] }));
        Assert.That(await Schedule.ClaimAsync(10, Patience), Is.EqualTo(new[] { ids[2], ids[1], ids[0] }));
    }

    [Test]
    public async Task A_visit_that_ends_early_sets_the_next_one()
    {
        var batchId = NewId();
        await Schedule.SetAsync(batchId, TimeSpan.Zero);
        await Schedule.ClaimAsync(10, Patience);

        await Schedule.SetAsync(batchId, TimeSpan.FromSeconds(1));
        Time.Advance(TimeSpan.FromSeconds(1));

        Assert.That(await Schedule.ClaimAsync(10, Patience), Is.EqualTo(new[] { batchId }));
    }

    [Test]
    public async Task A_removed_batch_is_visited_no_more()
    {
        var batchId = NewId();
        await Schedule.SetAsync(batchId, TimeSpan.Zero);

        await Schedule.RemoveAsync(batchId);

        Assert.That(await Schedule.ClaimAsync(10, Patience), Is.Empty);
        Assert.That(await Schedule.AllAsync(), Is.Empty);
    }

    [Test]
    public async Task Several_sweepers_claim_disjoint_sets_that_together_are_all()
    {
        var ids = Enumerable.Range(0, 300).Select(_ => NewId()).ToList();
        await Task.WhenAll(ids.Select(id => Schedule.SetAsync(id, TimeSpan.Zero)));
        var connections = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => StoreServers.ConnectAsync(Server)));

        var claims = await Task.WhenAll(connections.Select(connection => Task.Run(async () =>
        {
            var schedule = new Storage.Schedule.BatchSchedule(connection, Time);
            var claimed = new List<Guid>();
            while (await schedule.ClaimAsync(7, Patience) is { Count: > 0 } more)
            {
                claimed.AddRange(more);
            }

            return claimed;
        })));

        Assert.That(claims.SelectMany(claim => claim), Is.EquivalentTo(ids));
        foreach (var connection in connections)
        {
            await connection.DisposeAsync();
        }
    }

    [Test]
    public async Task Every_batch_is_listed_whenever_it_is_due()
    {
        var ids = Enumerable.Range(0, 500).Select(_ => NewId()).ToList();
        await Task.WhenAll(ids.Select((id, i) => Schedule.SetAsync(id, TimeSpan.FromMinutes(i))));

        Assert.That(await Schedule.AllAsync(), Is.EquivalentTo(ids));
    }

    private Guid NewId() => BatchId.New(Time.GetUtcNow());
}
