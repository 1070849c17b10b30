using System.Globalization;
using BatchBus.Contracts;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Results;
using StackExchange.Redis;

namespace BatchBus.Storage.Tests.Results;

public sealed class CompactResultsTests(StoreServer server) : StoreFixture(server)
{
    [Test]
    public async Task Results_that_came_one_by_one_become_one_block_that_reads_the_same()
    {
        var record = await BatchAsync(Enumerable.Repeat<string?>("m", 40));
        for (var position = 0; position < 40; position++)
        {
            await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(position, Result(position))]);
        }

        var before = await Results.ReadAsync(record.BatchId, 0, 0, 40);

        await Results.CompactAsync(record.BatchId, 0, 5, [.. before.Where(entry => entry.Position is >= 5 and < 37).Select(entry => entry.Result)]);

        var after = await Results.ReadAsync(record.BatchId, 0, 0, 40);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(after.Select(entry => (entry.Position, entry.Result.CustomId)), Is.EqualTo(before.Select(entry => (entry.Position, entry.Result.CustomId))));
            Assert.That(after.Select(entry => entry.Result.Line.ToArray()), Is.EqualTo(before.Select(entry => entry.Result.Line.ToArray())));
            Assert.That(await BlocksAsync(record.BatchId), Has.Count.EqualTo(9));
            Assert.That((await Batches.FindAsync(record.BatchId))!.Succeeded, Is.EqualTo(40));
        }
    }

    [Test]
    public async Task Blocks_of_a_closed_batch_do_not_move()
    {
        var record = await BatchAsync(Enumerable.Repeat<string?>("m", 2));
        await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(0, Result(0))]);
        await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(1, Result(1))]);
        await Batches.CloseAsync(record.BatchId, BatchEndReason.Completed);

        await Results.CompactAsync(record.BatchId, 0, 0, [Result(0), Result(1)]);

        Assert.That(await BlocksAsync(record.BatchId), Is.EqualTo(new[] { 0, 1 }));
    }

    [Test]
    public async Task Results_that_the_store_has_lost_since_are_not_brought_back_uncounted()
    {
        var record = await BatchAsync(Enumerable.Repeat<string?>("m", 3));
        await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(0, Result(0))]);
        await Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(2, Result(2))]);

        await Results.CompactAsync(record.BatchId, 0, 0, [Result(0), Result(1), Result(2)]);

        Assert.That(await BlocksAsync(record.BatchId), Is.EqualTo(new[] { 0, 2 }));
        Assert.That((await Results.ReadAsync(record.BatchId, 0, 0, 3)).Select(entry => entry.Position), Is.EqualTo(new[] { 0, 2 }));
    }

    /// <summary>The first positions of the blocks of lane 0.</summary>
    private async Task<List<int>> BlocksAsync(Guid batchId)
        => [.. (await Database.HashKeysAsync(new BatchKeys(batchId).Results(0)))
            .Select(field => int.TryParse((string?)field, CultureInfo.InvariantCulture, out var position) ? position : -1)
            .Where(position => position >= 0)
            .Order()];
}
