using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Schedule;

namespace BatchBus.Storage.Tests.Batches;

public sealed class BatchStoreTests(StoreServer server) : StoreFixture(server)
{
    [Test]
    public async Task A_committed_batch_is_found_with_everything_that_is_known_of_it()
    {
        Time.SetUtcNow(Time.GetUtcNow().AddTicks(17));
        var upload = await UploadAsync(3);
        await upload.AddAsync(null, yieldsToStage: false, Request(3));

        var committed = await Batches.CommitAsync(upload, "acme \"名\"", "email", "m", TimeSpan.FromHours(24));
        var found = (await Batches.FindAsync(upload.BatchId))!;

        var now = Time.GetUtcNow();
        var created = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(committed!.Submitted(), Is.EqualTo(found.Submitted()));
            Assert.That((found.BatchId, found.Workspace, found.Stage), Is.EqualTo((upload.BatchId, "acme \"名\"", "email")));
            Assert.That(found.CreatedAt, Is.EqualTo(created));
            Assert.That(found.ExpiresAt, Is.EqualTo(created.AddHours(24)));
            Assert.That((found.CancelInitiatedAt, found.ClosedAt, found.Reason, found.Announced), Is.EqualTo(((DateTimeOffset?)null, (DateTimeOffset?)null, (BatchEndReason?)null, false)));
            Assert.That((found.Total, found.Succeeded, found.Errored, found.Unfinished), Is.EqualTo((4, 0, 1, 3)));
            Assert.That(found.Lanes.Select(lane => (lane.Number, lane.Model, lane.Count)), Is.EqualTo(new[] { (0, "m", 3), (1, (string?)null, 1) }));
        }
    }

    [Test]
    public async Task An_uncommitted_upload_is_not_found()
    {
        var upload = await UploadAsync(40);

        Assert.That(await Batches.FindAsync(upload.BatchId), Is.Null);
    }

    [Test]
    public async Task Committing_twice_changes_nothing()
    {
        var upload = await UploadAsync(3);
        var first = (await Batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(24)))!;
        await StoreAsync(upload.BatchId, 1);
        Time.Advance(TimeSpan.FromMinutes(1));

        var second = (await Batches.CommitAsync(upload, "other", "email", "m", TimeSpan.FromHours(1)))!;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(second.Submitted(), Is.EqualTo(first.Submitted()));
            Assert.That(second.Stage, Is.Null);
            Assert.That((second.Succeeded, second.Unfinished), Is.EqualTo((1, 2)));
        }
    }

    [Test]
    public async Task An_abandoned_upload_leaves_nothing_but_a_mark_that_goes_by_itself()
    {
        var upload = await UploadAsync(100);
        await upload.AddAsync("other", yieldsToStage: true, Request(100));
        await upload.FinishAsync(null);
        var keys = new BatchKeys(upload.BatchId);
        Assert.That(await Database.KeyExistsAsync(keys.Requests(1)));

        Assert.That(await Batches.AbandonAsync(upload.BatchId, upload));

        var left = new List<string>();
        foreach (var key in keys.All())
        {
            if (await Database.KeyExistsAsync(key))
            {
                left.Add(key!);
            }
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(left, Is.EqualTo(new[] { (string)keys.Record! }));
            Assert.That(await Database.KeyTimeToLiveAsync(keys.Record), Is.InRange(TimeSpan.FromMinutes(1), TimeSpan.FromDays(1)));
            Assert.That(await Schedule.AllAsync(), Does.Not.Contain(upload.BatchId));
            Assert.That(await Batches.FindAsync(upload.BatchId), Is.Null);
            Assert.That(await Batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(1)), Is.Null);
            Assert.That(await Batches.FindAsync(upload.BatchId), Is.Null);
        }
    }

    [Test]
    public async Task Writes_under_way_are_waited_for_before_an_abandoned_upload_is_removed()
    {
        for (var i = 0; i < 20; i++)
        {
            var upload = await UploadAsync(96);

            await Batches.AbandonAsync(upload.BatchId, upload);

            Assert.That(await Database.KeyExistsAsync(new BatchKeys(upload.BatchId).Requests(0)), Is.False);
        }
    }

    [Test]
    public async Task A_committed_batch_cannot_be_abandoned()
    {
        var record = await BatchAsync(40);

        Assert.That(await Batches.AbandonAsync(record.BatchId), Is.False);
        Assert.That((await Batches.FindAsync(record.BatchId))!.Total, Is.EqualTo(40));
        Assert.That(await Requests.ReadAsync(record.BatchId, 0, 0, 40), Has.Count.EqualTo(40));
        Assert.That(await Schedule.AllAsync(), Does.Contain(record.BatchId));
    }

    [Test]
    public async Task Of_a_commit_and_an_abandonment_that_race_exactly_one_takes_effect()
    {
        await using var otherConnection = await StoreServers.ConnectAsync(Server);
        var other = new BatchStore(otherConnection, Schedule, Time);
        var random = new Random(7);
        var pairs = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => RaceAsync(random.Next(5), random.Next(2) == 0)));

        foreach (var (batchId, committed, abandoned) in pairs)
        {
            var found = await Batches.FindAsync(batchId);
            var stored = await Requests.ReadAsync(batchId, 0, 0, 2);
            using (Assert.EnterMultipleScope())
            {
                Assert.That(committed, Is.Not.EqualTo(abandoned));
                Assert.That(found is not null, Is.EqualTo(committed));
                Assert.That(stored, Has.Count.EqualTo(committed ? 2 : 0));
            }
        }

        Assert.That(pairs.Count(pair => pair.Committed), Is.InRange(1, pairs.Length - 1), "both come first now and then");

        async Task<(Guid BatchId, bool Committed, bool Abandoned)> RaceAsync(int headStart, bool oneConnection)
        {
            // A commit takes two round trips: with no head start the abandonment is first, with several the commit, between them either.
            var upload = await UploadAsync(2);
            await upload.FinishAsync(null);
            var commit = Batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(1));
            for (var roundTrip = 0; roundTrip < headStart; roundTrip++)
            {
                await Database.PingAsync();
            }

            var abandon = (oneConnection ? Batches : other).AbandonAsync(upload.BatchId);
            return (upload.BatchId, await commit is not null, await abandon);
        }
    }

    [Test]
    public async Task An_upload_that_shows_no_progress_is_due_for_removal_and_one_that_does_is_not()
    {
        var silent = await UploadAsync(2);
        var active = await UploadAsync(2);
        Time.Advance(BatchStore.UploadLapse - TimeSpan.FromSeconds(1));
        await Batches.ExtendUploadAsync(active);
        Assert.That(await Schedule.ClaimAsync(10, TimeSpan.FromMinutes(1)), Is.Empty);

        Time.Advance(TimeSpan.FromSeconds(1));

        Assert.That(await Schedule.ClaimAsync(10, TimeSpan.FromMinutes(1)), Is.EqualTo(new[] { silent.BatchId }));
        Assert.That(await Batches.AbandonAsync(silent.BatchId));
        Assert.That(await Batches.CommitAsync(silent, "acme", null, null, TimeSpan.FromHours(1)), Is.Null);
        Assert.That(await Batches.CommitAsync(active, "acme", null, null, TimeSpan.FromHours(1)), Is.Not.Null);
    }

    [Test]
    public async Task The_schedule_knows_an_upload_before_anything_is_stored_and_visits_it_soon_after_the_commit()
    {
        var upload = await Batches.BeginUploadAsync();
        Assert.That(await Schedule.AllAsync(), Does.Contain(upload.BatchId));
        await upload.AddAsync("m", yieldsToStage: false, Request(0));
        await Batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(1));

        Time.Advance(BatchSchedule.ActiveInterval);

        Assert.That(await Schedule.ClaimAsync(10, TimeSpan.FromMinutes(1)), Does.Contain(upload.BatchId));
    }

    [Test]
    public async Task An_announced_batch_rests_until_it_is_archived()
    {
        var record = await BatchAsync(1);
        await StoreAsync(record.BatchId, 0);
        await Batches.CloseAsync(record.BatchId, BatchEndReason.Completed);

        await Batches.MarkAnnouncedAsync(record.BatchId, TimeSpan.FromDays(29));

        Assert.That((await Batches.FindAsync(record.BatchId))!.Announced);
        Assert.That(await Schedule.AllAsync(), Does.Contain(record.BatchId));
    }

    private async Task<BatchUpload> UploadAsync(int count)
    {
        var upload = await Batches.BeginUploadAsync();
        for (var i = 0; i < count; i++)
        {
            await upload.AddAsync("m", yieldsToStage: true, Request(i));
        }

        return upload;
    }
}
