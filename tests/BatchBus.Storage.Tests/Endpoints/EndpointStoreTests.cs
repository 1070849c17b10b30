using BatchBus.Storage.Endpoints;
using CsCheck;

namespace BatchBus.Storage.Tests.Endpoints;

public sealed class EndpointStoreTests(StoreServer server) : StoreFixture(server)
{
    private string _endpoint = "";
    private EndpointStore _store = null!;

    [SetUp]
    public void CreateStore() => (_endpoint, _store) = ($"endpoint-{Guid.NewGuid():N}", new EndpointStore(Connection, Time));

    [Test]
    public async Task Workers_that_want_more_than_there_is_get_equal_parts()
    {
        var shares = await SettleAsync(12, ("a", 16), ("b", 16), ("c", 16));

        Assert.That(shares, Is.EqualTo([4, 4, 4]));
    }

    [Test]
    public async Task What_one_does_not_want_is_divided_among_the_rest()
    {
        var shares = await SettleAsync(12, ("a", 2), ("b", 16), ("c", 16));

        Assert.That(shares, Is.EqualTo([2, 5, 5]));
    }

    [Test]
    public async Task Without_a_bound_everybody_gets_what_they_want_and_learns_of_the_others()
    {
        await _store.ShareAsync(_endpoint, "a", 0, 40, null);

        var share = await _store.ShareAsync(_endpoint, "b", 5, 60, null);

        Assert.That((share.Granted, share.Workers, share.HeldByOthers, share.IsFirst), Is.EqualTo((60, 2, 40, false)));
    }

    [Test]
    public async Task One_who_comes_later_gets_only_what_is_free_until_the_others_have_given_back()
    {
        await _store.ShareAsync(_endpoint, "a", 0, 16, 12);

        var atFirst = await _store.ShareAsync(_endpoint, "b", 0, 16, 12);
        var shrunk = await _store.ShareAsync(_endpoint, "a", 12, 16, 12);
        var whileInFlight = await _store.ShareAsync(_endpoint, "b", 0, 16, 12);
        await _store.ShareAsync(_endpoint, "a", 6, 16, 12);
        var after = await _store.ShareAsync(_endpoint, "b", 0, 16, 12);

        Assert.That((atFirst.Granted, shrunk.Granted, whileInFlight.Granted, after.Granted), Is.EqualTo((0, 6, 0, 6)));
    }

    [Test]
    public async Task A_worker_that_leaves_or_is_not_heard_of_gives_its_share_back([Values] bool leaves)
    {
        await _store.ShareAsync(_endpoint, "a", 12, 16, 12);
        if (leaves)
        {
            await _store.LeaveAsync(_endpoint, "a");
        }
        else
        {
            Time.Advance(EndpointStore.Memory - TimeSpan.FromMilliseconds(1));
            Assert.That((await _store.ShareAsync(_endpoint, "b", 0, 0, 12)).Workers, Is.EqualTo(2));
            Time.Advance(TimeSpan.FromMilliseconds(1));
        }

        var share = await _store.ShareAsync(_endpoint, "b", 0, 16, 12);

        Assert.That((share.Granted, share.Workers, share.HeldByOthers, share.IsFirst), Is.EqualTo((12, 1, 0, true)));
        Assert.That(await Database.HashLengthAsync($"batchbus:endpoint:{_endpoint}"), Is.EqualTo(1), "nothing is kept of the other");
    }

    /// <summary>
    /// Workers as they are: each may have as many calls in flight as it was last granted, may begin them while it asks, and says before it
    /// asks how many it may have.
    /// </summary>
    [Test]
    public async Task Whoever_joins_leaves_or_changes_its_mind_the_shares_never_exceed_the_most()
    {
        var step = Gen.Select(Gen.Int[0, 3], Gen.Int[0, 20], Gen.Int[0, 9]);
        await Gen.Select(Gen.Int[1, 20], step.List[1, 40]).SampleAsync(
            async (most, steps) =>
            {
                CreateStore();
                var (allowed, inFlight) = (new int[4], new int[4]);
                foreach (var (worker, wanted, kind) in steps)
                {
                    if (kind == 0)
                    {
                        // Its calls end with it.
                        await _store.LeaveAsync(_endpoint, $"{worker}");
                        (allowed[worker], inFlight[worker]) = (0, 0);
                        continue;
                    }

                    if (kind > 6)
                    {
                        inFlight[worker] = Math.Min(inFlight[worker], wanted);
                    }

                    var share = await _store.ShareAsync(_endpoint, $"{worker}", Math.Max(inFlight[worker], allowed[worker]), wanted, most);

                    // While it asked it has begun all that it might.
                    inFlight[worker] = Math.Max(inFlight[worker], kind > 3 ? allowed[worker] : 0);
                    allowed[worker] = share.Granted;
                    if (kind > 3)
                    {
                        inFlight[worker] = Math.Max(inFlight[worker], share.Granted);
                    }

                    if (inFlight.Sum() > most || share.Granted > wanted)
                    {
                        return false;
                    }
                }

                return true;
            },
            iter: 100,
            threads: 1);
    }

    [Test]
    public async Task What_is_out_of_use_is_known_to_all_until_it_is_back()
    {
        var at = DateTimeOffset.FromUnixTimeMilliseconds(Time.GetUtcNow().ToUnixTimeMilliseconds());
        Assert.That(await _store.OutageAsync(_endpoint), Is.Null);

        await _store.OpenAsync(_endpoint, isStopped: true, "Unauthorized: HTTP 401 | check ApiKey");

        var outage = new EndpointOutage(at, true, "Unauthorized: HTTP 401 | check ApiKey");
        Assert.That(await _store.OutageAsync(_endpoint), Is.EqualTo(outage));
        Assert.That((await _store.ShareAsync(_endpoint, "a", 0, 1, null)).OutOfUse, Is.EqualTo(outage));
        await _store.CloseAsync(_endpoint);
        Assert.That((await _store.ShareAsync(_endpoint, "a", 0, 1, null)).OutOfUse, Is.Null);
        Assert.That(await _store.OutageAsync(_endpoint), Is.Null);
    }

    [Test]
    public async Task Of_all_workers_one_tries_in_each_interval()
    {
        var interval = TimeSpan.FromSeconds(15);

        Assert.That(await ClaimsAsync(interval), Is.EqualTo(1));
        Time.Advance(interval - TimeSpan.FromMilliseconds(1));
        Assert.That(await ClaimsAsync(interval), Is.Zero);
        Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.That(await ClaimsAsync(interval), Is.EqualTo(1));
        Assert.That(await _store.ClaimTrialAsync(_endpoint, TimeSpan.Zero), Is.True, "where the endpoint itself says that it is back");
    }

    [Test]
    public async Task A_clock_that_was_set_back_holds_up_no_trial()
    {
        await _store.ClaimTrialAsync(_endpoint, TimeSpan.FromMinutes(1));
        var earlier = new EndpointStore(Connection, new Microsoft.Extensions.Time.Testing.FakeTimeProvider(Time.GetUtcNow() - TimeSpan.FromHours(1)));

        Assert.That(await earlier.ClaimTrialAsync(_endpoint, TimeSpan.FromMinutes(1)), Is.True);
    }

    private async Task<int> ClaimsAsync(TimeSpan interval)
        => (await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _store.ClaimTrialAsync(_endpoint, interval)))).Count(isClaimed => isClaimed);

    /// <summary>Asks often enough for everybody to have learned of everybody.</summary>
    private async Task<int[]> SettleAsync(int most, params (string Name, int Wanted)[] workers)
    {
        var granted = new int[workers.Length];
        for (var round = 0; round < 4; round++)
        {
            for (var i = 0; i < workers.Length; i++)
            {
                granted[i] = (await _store.ShareAsync(_endpoint, workers[i].Name, granted[i], workers[i].Wanted, most)).Granted;
            }
        }

        return granted;
    }
}
