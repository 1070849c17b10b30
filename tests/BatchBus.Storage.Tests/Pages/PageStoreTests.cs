using BatchBus.Contracts;
using BatchBus.Storage.Pages;
using BatchBus.TestServers;

namespace BatchBus.Storage.Tests.Pages;

public sealed class PageStoreTests(StoreServer server) : StoreFixture(server)
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(59);
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(1);

    [Test]
    public async Task A_page_is_leased_with_its_attempt_and_what_is_finished_of_it()
    {
        var page = await PageAsync(10, from: 3, count: 5);
        await StoreAsync(page.BatchId, 2, 4, 7, 8);

        var lease = await Pages.LeaseAsync(page, "worker", Long);

        Assert.That((lease.Status, lease.Attempt), Is.EqualTo((PageLeaseStatus.Leased, 1)));
        Assert.That(lease.Finished, Is.EqualTo(new[] { false, true, false, false, true }));
    }

    [Test]
    public async Task While_a_lease_lives_nobody_gets_another_not_even_its_owner([Values("worker", "other")] string owner)
    {
        var page = await PageAsync();
        await Pages.LeaseAsync(page, "worker", Long);

        Assert.That((await Pages.LeaseAsync(page, owner, Long)).Status, Is.EqualTo(PageLeaseStatus.Taken));
    }

    [Test]
    public async Task Pages_of_a_batch_are_leased_independently()
    {
        var page = await PageAsync(4, count: 2);

        Assert.That((await Pages.LeaseAsync(page, "one", Long)).Status, Is.EqualTo(PageLeaseStatus.Leased));
        Assert.That((await Pages.LeaseAsync(page with { From = 2 }, "two", Long)).Status, Is.EqualTo(PageLeaseStatus.Leased));
    }

    [Test]
    public async Task Of_many_workers_that_ask_at_once_one_gets_the_page()
    {
        var connections = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => StoreServers.ConnectAsync(Server)));
        var stores = connections.Select(connection => new PageStore(connection)).ToList();
        for (var round = 0; round < 25; round++)
        {
            var page = await PageAsync();

            var leases = await Task.WhenAll(Enumerable.Range(0, 12).Select(worker => Task.Run(() => stores[worker % stores.Count].LeaseAsync(page, $"worker-{worker}", Long))));

            Assert.That(leases.Count(lease => lease.Status is PageLeaseStatus.Leased), Is.EqualTo(1));
            Assert.That(leases.Count(lease => lease.Status is PageLeaseStatus.Taken), Is.EqualTo(11));
        }

        foreach (var connection in connections)
        {
            await connection.DisposeAsync();
        }
    }

    [Test]
    public async Task Of_many_workers_that_wait_for_a_lapse_one_gets_each_attempt()
    {
        var page = await PageAsync();
        var attempts = new System.Collections.Concurrent.ConcurrentQueue<int>();

        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Eventually.ThatAsync(
            async () =>
            {
                var lease = await Pages.LeaseAsync(page, $"worker-{worker}", TimeSpan.FromMilliseconds(60));
                if (lease.Status is PageLeaseStatus.Leased)
                {
                    attempts.Enqueue(lease.Attempt);
                }

                return attempts.Count >= 5;
            },
            "the page was leased five times")));

        Assert.That(attempts, Is.EquivalentTo(Enumerable.Range(1, attempts.Count)));
    }

    [Test]
    public async Task A_lapsed_lease_goes_to_whoever_asks_next_as_one_more_attempt()
    {
        var page = await PageAsync();
        await Pages.LeaseAsync(page, "first", Short);
        Assert.That((await Pages.LeaseAsync(page, "second", Long)).Status, Is.EqualTo(PageLeaseStatus.Taken));

        var lease = await Eventually.ReadAsync(
            () => Pages.LeaseAsync(page, "second", Long), lease => lease.Status is PageLeaseStatus.Leased, "the lapsed page can be leased");

        Assert.That(lease.Attempt, Is.EqualTo(2));
        Assert.That((await Pages.RenewAsync(page.BatchId, [page], "first", Long)).Renewed, Is.EqualTo(new[] { false }), "the first owner has lost it");
        await Pages.DeferAsync(page, "first", TimeSpan.Zero, endpointFailed: false);
        Assert.That((await Pages.LeaseAsync(page, "third", Long)).Status, Is.EqualTo(PageLeaseStatus.Taken), "and cannot give it back");
    }

    [Test]
    public async Task Renewal_keeps_a_lease_beyond_its_first_end()
    {
        var page = await PageAsync();
        await Pages.LeaseAsync(page, "worker", TimeSpan.FromSeconds(2));
        var firstEnd = await ExpiryAsync(page);

        var renewal = await Pages.RenewAsync(page.BatchId, [page], "worker", Long);

        Assert.That(renewal.Open);
        Assert.That(renewal.Renewed, Is.EqualTo(new[] { true }));
        await Eventually.ThatAsync(async () => (await Pages.ReadAsync(page.BatchId)).Now > firstEnd, "the first end has passed");
        Assert.That((await Pages.LeaseAsync(page, "other", Long)).Status, Is.EqualTo(PageLeaseStatus.Taken));
        Assert.That(await ExpiryAsync(page), Is.InRange(firstEnd + 30_000, firstEnd + 90_000));
    }

    [Test]
    public async Task A_renewal_answers_page_by_page_and_leaves_alone_what_is_another_owners()
    {
        var first = await PageAsync(8, count: 2);
        Page second = first with { From = 2 }, third = first with { From = 4 }, fourth = first with { From = 6 };
        await Pages.LeaseAsync(first, "worker", Long);
        await Pages.LeaseAsync(second, "other", Long);
        await Pages.LeaseAsync(third, "worker", Long);
        await Pages.DeferAsync(third, "worker", Long, endpointFailed: true);
        var before = (await Pages.ReadAsync(first.BatchId)).Entries;

        var renewal = await Pages.RenewAsync(first.BatchId, [second, first, third, fourth], "worker", Long * 2);

        var after = (await Pages.ReadAsync(first.BatchId)).Entries;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(renewal.Renewed, Is.EqualTo(new[] { false, true, false, false }));
            Assert.That(renewal.TakenOver, Is.EqualTo(new[] { true, false, true, false }), "of the last nothing is left");
            Assert.That(after[second.Name], Is.EqualTo(before[second.Name]));
            Assert.That(after[third.Name], Is.EqualTo(before[third.Name]));
            Assert.That(after, Does.Not.ContainKey(fourth.Name));
        }
    }

    [Test]
    public async Task A_lease_that_lapsed_untaken_can_still_be_renewed()
    {
        var page = await PageAsync();
        await Pages.LeaseAsync(page, "worker", TimeSpan.Zero);

        Assert.That((await Pages.RenewAsync(page.BatchId, [page], "worker", Long)).Renewed, Is.EqualTo(new[] { true }));
        Assert.That((await Pages.LeaseAsync(page, "other", Long)).Status, Is.EqualTo(PageLeaseStatus.Taken));
    }

    [Test]
    public async Task A_deferred_page_rests_until_its_delay_has_passed()
    {
        var page = await PageAsync();
        await Pages.LeaseAsync(page, "worker", Long);
        await Pages.DeferAsync(page, "worker", Short, endpointFailed: false);

        Assert.That((await Pages.LeaseAsync(page, "other", Long)).Status, Is.EqualTo(PageLeaseStatus.Taken));
        var lease = await Eventually.ReadAsync(
            () => Pages.LeaseAsync(page, "other", Long), lease => lease.Status is PageLeaseStatus.Leased, "the deferred page can be leased");
        Assert.That(lease.Attempt, Is.EqualTo(2));
    }

    [Test]
    public async Task An_attempt_that_failed_for_the_endpoint_does_not_count_against_the_page()
    {
        var page = await PageAsync();
        for (var i = 0; i < 3; i++)
        {
            Assert.That((await Pages.LeaseAsync(page, "worker", Long)).Attempt, Is.EqualTo(1));
            await Pages.DeferAsync(page, "worker", TimeSpan.Zero, endpointFailed: true);
        }

        await Pages.LeaseAsync(page, "worker", Long);
        await Pages.DeferAsync(page, "worker", TimeSpan.Zero, endpointFailed: false);

        Assert.That((await Pages.LeaseAsync(page, "worker", Long)).Attempt, Is.EqualTo(2));
    }

    [Test]
    public async Task Deferring_what_another_owner_holds_or_nobody_changes_nothing()
    {
        var page = await PageAsync(4, count: 2);
        await Pages.LeaseAsync(page, "worker", Long);
        var before = (await Pages.ReadAsync(page.BatchId)).Entries;

        await Pages.DeferAsync(page, "other", TimeSpan.Zero, endpointFailed: true);
        await Pages.DeferAsync(page, "", TimeSpan.Zero, endpointFailed: true);
        await Pages.DeferAsync(page with { From = 2 }, "worker", TimeSpan.Zero, endpointFailed: true);

        Assert.That((await Pages.ReadAsync(page.BatchId)).Entries, Is.EqualTo(before));
    }

    [Test]
    public async Task A_requeued_page_can_be_leased_at_once_and_keeps_its_attempts()
    {
        var page = await PageAsync();
        await Pages.LeaseAsync(page, "worker", TimeSpan.Zero);
        var entry = await EntryAsync(page);

        Assert.That(await Pages.MarkRequeuedAsync(page, entry, Long));

        var requeued = await EntryAsync(page);
        Assert.That(PageEntries.LastPause(requeued), Is.EqualTo(Long));
        Assert.That((await Pages.RenewAsync(page.BatchId, [page], "worker", Long)).Renewed, Is.EqualTo(new[] { false }));
        Assert.That((await Pages.LeaseAsync(page, "other", Long)).Attempt, Is.EqualTo(2));
    }

    [Test]
    public async Task A_page_that_was_never_leased_can_be_requeued_again_only_after_the_pause()
    {
        var page = await PageAsync();
        Assert.That((await Pages.ReadAsync(page.BatchId)).IsOverdue(page, out var none), Is.False);
        Assert.That(none, Is.Null);

        Assert.That(await Pages.MarkRequeuedAsync(page, null, Short));

        Assert.That((await Pages.ReadAsync(page.BatchId)).IsOverdue(page, out _), Is.False);
        await Eventually.ThatAsync(async () => (await Pages.ReadAsync(page.BatchId)).IsOverdue(page, out _), "the pause is over");
        Assert.That((await Pages.LeaseAsync(page, "worker", Long)).Attempt, Is.EqualTo(1));
    }

    [Test]
    public async Task Of_several_sweepers_and_a_worker_only_one_goes_on_from_an_entry()
    {
        var page = await PageAsync();
        await Pages.LeaseAsync(page, "lost", TimeSpan.Zero);
        var entry = await EntryAsync(page);

        var requeued = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Pages.MarkRequeuedAsync(page, entry, Long)));
        Assert.That(requeued.Count(won => won), Is.EqualTo(1));

        entry = await EntryAsync(page);
        await Pages.LeaseAsync(page, "worker", Long);
        Assert.That(await Pages.MarkRequeuedAsync(page, entry, Long), Is.False, "the worker was first");
        Assert.That(await Pages.MarkRequeuedAsync(page, null, Long), Is.False, "the page has an entry");
    }

    [Test]
    public async Task Leases_and_deferrals_that_live_are_not_overdue()
    {
        var page = await PageAsync(6, count: 2);
        Page lapsed = page with { From = 2 }, deferred = page with { From = 4 };
        await Pages.LeaseAsync(page, "worker", Long);
        await Pages.LeaseAsync(lapsed, "worker", TimeSpan.Zero);
        await Pages.LeaseAsync(deferred, "worker", Long);
        await Pages.DeferAsync(deferred, "worker", Long, endpointFailed: true);

        var entries = await Pages.ReadAsync(page.BatchId);

        Assert.That(new[] { page, lapsed, deferred }.Select(each => entries.IsOverdue(each, out _)), Is.EqualTo(new[] { false, true, false }));
        Assert.That(entries.Entries.Values.Select(PageEntries.LastPause), Is.All.EqualTo(TimeSpan.Zero));
    }

    [Test]
    public async Task A_page_whose_requests_all_have_results_is_finished_even_under_a_live_lease_or_a_cancel([Values] bool cancel)
    {
        var page = await PageAsync(4, from: 1, count: 2);
        await Pages.LeaseAsync(page, "worker", Long);
        await StoreAsync(page.BatchId, 1, 2);
        if (cancel)
        {
            await CancelAsync(page.BatchId);
        }

        Assert.That((await Pages.LeaseAsync(page, "other", Long)).Status, Is.EqualTo(PageLeaseStatus.Finished));
    }

    [Test]
    public async Task After_a_cancel_nothing_is_leased_and_renewals_say_so()
    {
        var page = await PageAsync(4, count: 2);
        await Pages.LeaseAsync(page, "worker", Long);
        await CancelAsync(page.BatchId);

        var renewal = await Pages.RenewAsync(page.BatchId, [page], "worker", Long);

        Assert.That((renewal.Open, renewal.Renewed[0]), Is.EqualTo((false, true)), "no call may be started, but results are still taken");
        Assert.That((await Pages.LeaseAsync(page with { From = 2 }, "worker", Long)).Status, Is.EqualTo(PageLeaseStatus.Canceling));
    }

    [Test]
    public async Task Once_the_window_has_passed_nothing_is_leased_and_renewals_say_so()
    {
        var record = await BatchAsync(2, Short);
        var page = new Page(record.BatchId, 0, 0, 2);
        Assert.That((await Pages.LeaseAsync(page, "worker", Long)).Status, Is.EqualTo(PageLeaseStatus.Leased));

        await Eventually.ThatAsync(async () => !(await Pages.RenewAsync(page.BatchId, [page], "worker", Long)).Open, "the window passes");

        Assert.That((await Pages.LeaseAsync(page, "worker", Long)).Status, Is.EqualTo(PageLeaseStatus.Canceling));
    }

    [Test]
    public async Task A_closed_batch_leases_and_renews_nothing()
    {
        var page = await PageAsync();
        await Pages.LeaseAsync(page, "worker", Long);
        await Batches.CloseAsync(page.BatchId, BatchEndReason.Canceled, force: true);

        var renewal = await Pages.RenewAsync(page.BatchId, [page, page], "worker", Long);

        Assert.That(renewal.Open, Is.False);
        Assert.That(renewal.Renewed, Is.EqualTo(new[] { false, false }));
        Assert.That((await Pages.LeaseAsync(page, "worker", Long)).Status, Is.EqualTo(PageLeaseStatus.Closed));
    }

    [Test]
    public async Task What_is_not_committed_is_gone()
    {
        var upload = await Batches.BeginUploadAsync();
        var page = new Page(upload.BatchId, 0, 0, 1);

        var renewal = await Pages.RenewAsync(upload.BatchId, [page], "worker", Long);

        Assert.That((await Pages.LeaseAsync(page, "worker", Long)).Status, Is.EqualTo(PageLeaseStatus.Gone));
        Assert.That((renewal.Open, renewal.Renewed.Single()), Is.EqualTo((false, false)));
        Assert.That(await Database.KeyExistsAsync(new BatchKeys(upload.BatchId).Pages), Is.False);
    }

    [Test]
    public async Task Forgetting_drops_one_page_and_a_start_lets_the_leases_of_all_lapse()
    {
        var page = await PageAsync(6, count: 2);
        for (var from = 0; from < 6; from += 2)
        {
            await Pages.LeaseAsync(page with { From = from }, "worker", Long);
        }

        await Pages.ForgetAsync(page);
        Assert.That((await Pages.ReadAsync(page.BatchId)).Entries.Keys, Is.EquivalentTo(new[] { "0:2:2", "0:4:2" }));

        await Pages.LapseAllAsync(page.BatchId);
        var entries = await Pages.ReadAsync(page.BatchId);
        Assert.That(entries.IsOverdue(page with { From = 2 }, out _) && entries.IsOverdue(page with { From = 4 }, out _));
        Assert.That((await Pages.LeaseAsync(page with { From = 2 }, "next", Long)).Attempt, Is.EqualTo(2), "a page that ends its process each time is found out");
    }

    [Test]
    public async Task A_lease_that_lies_further_ahead_than_any_can_is_of_a_time_before_the_clock_was_set_back()
    {
        var page = await PageAsync();
        await Pages.LeaseAsync(page, "dead", Long);
        var inAnHour = (await Pages.ReadAsync(page.BatchId)).Now + 3_600_000;
        await Database.HashSetAsync(new BatchKeys(page.BatchId).Pages, page.Name, $"l|{inAnHour}|1|dead");

        Assert.That((await Pages.ReadAsync(page.BatchId)).IsOverdue(page, out _));
        Assert.That((await Pages.LeaseAsync(page, "next", Long)).Attempt, Is.EqualTo(2));
        Assert.That(() => Pages.LeaseAsync(page, "next", TimeSpan.FromMinutes(2)), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public async Task The_jobs_of_a_page_are_known_to_whoever_has_it_next_until_it_is_forgotten()
    {
        var page = await PageAsync(6, count: 3);
        await Pages.LeaseAsync(page, "worker", Long);
        await Pages.NoteJobAsync(page, 0, new SubmittedJob("m", "job-1"));
        await Pages.NoteJobAsync(page, 2, new SubmittedJob("m", "job-2"));
        await Pages.NoteJobAsync(page, 2, new SubmittedJob("m/2", "job-3"));
        await Pages.NoteJobAsync(page with { From = 3 }, 3, new SubmittedJob("m", "job-4"));

        await Pages.LapseAllAsync(page.BatchId);
        Assert.That(
            await Pages.JobsAsync(page),
            Is.EquivalentTo(new Dictionary<int, SubmittedJob> { [0] = new("m", "job-1"), [2] = new("m/2", "job-3") }), "of two for one request the last");
        Assert.That((await Pages.ReadAsync(page.BatchId)).HasJobs(page));

        await Pages.ForgetAsync(page);
        Assert.That(await Pages.JobsAsync(page), Is.Empty);
        Assert.That((await Pages.ReadAsync(page.BatchId)).HasJobs(page), Is.False);
        Assert.That(await Pages.JobsAsync(page with { From = 3 }), Has.Count.EqualTo(1), "those of others stay");
    }

    [Test]
    public async Task A_job_that_is_noted_after_its_batch_was_deleted_brings_nothing_back()
    {
        var page = await PageAsync();
        await Pages.LeaseAsync(page, "worker", Long);
        await Pages.NoteJobAsync(page, 0, new SubmittedJob("m", "job-1"));
        await Batches.CloseAsync(page.BatchId, BatchEndReason.Canceled, force: true);
        await Batches.DeleteAsync((await Batches.FindAsync(page.BatchId))!);

        await Pages.NoteJobAsync(page, 1, new SubmittedJob("m", "job-2"));

        Assert.That(await Pages.JobsAsync(page), Is.Empty);
        Assert.That(await Database.KeyExistsAsync(new BatchKeys(page.BatchId).Pages), Is.False);
    }

    [Test]
    public async Task A_request_is_found_where_its_page_is()
    {
        var page = await PageAsync(10, from: 2, count: 3);
        var nowhere = new RequestPlace(RequestPlaceState.Waiting, 0, 0, null, 0, TimeSpan.Zero, null, null);

        Assert.That(await PlaceAsync(page, 3), Is.EqualTo(nowhere), "no worker has had it");
        await Pages.LeaseAsync(page, "worker|with|bars", Long);
        await Pages.NoteJobAsync(page, 3, new SubmittedJob("m", "job-1"));
        await Pages.NoteFailureAsync(page, 3, new CallFailure(2, "Timeout: a | b | c | d"));
        var place = await PlaceAsync(page, 3);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                place with { Left = TimeSpan.Zero },
                Is.EqualTo(new RequestPlace(RequestPlaceState.WithWorker, 2, 3, "worker|with|bars", 1, TimeSpan.Zero, new SubmittedJob("m", "job-1"), new CallFailure(2, "Timeout: a / b / c / d"))));
            Assert.That(place.Left, Is.GreaterThan(TimeSpan.FromSeconds(30)).And.LessThanOrEqualTo(Long));
            Assert.That((await PlaceAsync(page, 4)).Job, Is.Null, "that is another's");
            Assert.That((await PlaceAsync(page, 1)).State, Is.EqualTo(RequestPlaceState.Waiting), "before the page");
            Assert.That((await PlaceAsync(page, 5)).State, Is.EqualTo(RequestPlaceState.Waiting), "after the page");
        }

        await Pages.DeferAsync(page, "worker|with|bars", Long, endpointFailed: false);
        Assert.That((await PlaceAsync(page, 2)).State, Is.EqualTo(RequestPlaceState.Deferred));
        await Pages.LapseAllAsync(page.BatchId);
        Assert.That((await PlaceAsync(page, 3)).LastFailure?.Failures, Is.EqualTo(2), "a note is no lease");
        Assert.That(await Pages.MarkRequeuedAsync(page, await EntryAsync(page), Long));
        Assert.That((await PlaceAsync(page, 2)).State, Is.EqualTo(RequestPlaceState.SentAgain));
        await Pages.ForgetAsync(page);
        Assert.That(await PlaceAsync(page, 3), Is.EqualTo(nowhere), "nothing is left of it");
    }

    [Test]
    public async Task A_request_whose_worker_is_silent_is_with_nobody()
    {
        var page = await PageAsync();
        await Pages.LeaseAsync(page, "worker", TimeSpan.FromMilliseconds(1));

        await Eventually.ThatAsync(async () => (await PlaceAsync(page, 0)).State is RequestPlaceState.Lapsed, "the lease has lapsed");
    }

    private async Task<RequestPlace> PlaceAsync(Page page, int position) => (await Pages.ReadAsync(page.BatchId)).PlaceOf(page.Lane, position);

    private async Task<Page> PageAsync(int requests = 2, int from = 0, int count = 2) => new((await BatchAsync(requests)).BatchId, 0, from, count);

    private async Task<string> EntryAsync(Page page) => (await Pages.ReadAsync(page.BatchId)).Entries[page.Name];

    private async Task<long> ExpiryAsync(Page page) => long.Parse((await EntryAsync(page)).Split('|')[1], System.Globalization.CultureInfo.InvariantCulture);
}
