using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Endpoints;
using BatchBus.Storage.Fleet;
using BatchBus.Storage.Pages;

namespace BatchBus.Storage.Tests.Fleet;

public sealed class BacklogReaderTests(StoreServer server) : StoreFixture(server)
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    private BacklogReader _backlog = null!;
    private EndpointStore _endpoints = null!;
    private string _small = null!;
    private string _large = null!;

    [SetUp]
    public void CreateReader()
    {
        _endpoints = new EndpointStore(Connection, Time);
        _backlog = new BacklogReader(Batches, Pages, _endpoints);
        (_small, _large) = ($"small-{Guid.NewGuid():N}", $"large-{Guid.NewGuid():N}");
    }

    [Test]
    public async Task What_has_no_result_and_is_not_in_flight_waits_by_model()
    {
        var batch = await BatchAsync([.. Enumerable.Repeat(_small, 10), .. Enumerable.Repeat(_large, 5), null]);
        await Pages.LeaseAsync(new Page(batch.BatchId, 0, 0, 8), "tests", Lease);
        await StoreAsync(batch.BatchId, 0, 1);
        await InFlightAsync(_small, 3);
        await InFlightAsync($"{_small}/2", 1);

        var backlog = await ReadAsync();

        Assert.That(backlog.Open.Select(open => open.BatchId), Is.EqualTo(new[] { batch.BatchId }));
        Assert.That(backlog.Models, Is.EquivalentTo(new[]
        {
            new ModelBacklog("acme", _small, Waiting: 4, InFlight: 4, batch.CreatedAt),
            new ModelBacklog("acme", _large, Waiting: 5, InFlight: 0, batch.CreatedAt),
        }));
    }

    [Test]
    public async Task What_is_in_flight_is_divided_among_workspaces_by_what_workers_hold_of_each()
    {
        var first = await CommitAsync("first", 20);
        Time.Advance(TimeSpan.FromSeconds(1));
        var second = await CommitAsync("second", 20);
        await CommitAsync("third", 20);
        await Pages.LeaseAsync(new Page(first.BatchId, 0, 0, 12), "tests", Lease);
        await Pages.LeaseAsync(new Page(second.BatchId, 0, 0, 4), "tests", Lease);
        await InFlightAsync(_small, 8);

        var backlog = await ReadAsync();

        Assert.That(
            backlog.Models.OrderBy(model => model.Workspace).Select(model => (model.Workspace, model.Waiting, model.InFlight)),
            Is.EqualTo(new[] { ("first", 14, 6), ("second", 18, 2), ("third", 20, 0) }));
        Assert.That(backlog.Models.Single(model => model.Workspace == "second").OldestAt, Is.EqualTo(second.CreatedAt));
    }

    [Test]
    public async Task More_is_never_in_flight_than_has_no_result_whatever_workers_said_last()
    {
        var batch = await CommitAsync("acme", 4);
        await Pages.LeaseAsync(new Page(batch.BatchId, 0, 0, 4), "tests", Lease);
        await InFlightAsync(_small, 64);

        Assert.That((await ReadAsync()).Models.Select(model => (model.Waiting, model.InFlight)), Is.EqualTo(new[] { (0, 4) }));
    }

    [Test]
    public async Task Nothing_waits_in_a_batch_that_is_being_canceled_and_one_that_has_ended_is_left_out()
    {
        var canceling = await CommitAsync("acme", 4);
        var ended = await CommitAsync("acme", 4);
        await CancelAsync(canceling.BatchId);
        await Batches.CloseAsync(ended.BatchId, BatchEndReason.Canceled);

        var backlog = await ReadAsync();

        Assert.That(backlog.Open.Select(open => open.BatchId), Is.EqualTo(new[] { canceling.BatchId }));
        Assert.That(backlog.Models, Is.EqualTo(new[] { new ModelBacklog("acme", _small, 0, 0, null) }));
    }

    [Test]
    public async Task Uploads_and_batches_that_wait_for_their_retention_only_are_not_looked_at()
    {
        await Batches.BeginUploadAsync();
        var ended = await CommitAsync("acme", 1);
        await Batches.CloseAsync(ended.BatchId, BatchEndReason.Canceled);
        await Batches.MarkAnnouncedAsync(ended.BatchId, TimeSpan.FromDays(29));

        Assert.That(await Schedule.ActiveAsync(), Is.Empty);
        Assert.That((await ReadAsync()).Open, Is.Empty);
    }

    [Test]
    public async Task An_endpoint_s_workers_are_added_up_while_they_are_heard_of()
    {
        await _endpoints.ShareAsync(_small, "silent", 0, 64, null, inFlight: 5, limit: 64);
        Time.Advance(EndpointStore.Memory);
        await _endpoints.ShareAsync(_small, "one", 0, 64, null, inFlight: 30, limit: 40);
        await _endpoints.ShareAsync(_small, "two", 0, 64, null, inFlight: 2, limit: 8);
        await _endpoints.OpenAsync(_small, isStopped: true, "Unauthorized: HTTP 401");
        await _endpoints.ClaimTrialAsync(_small, TimeSpan.FromMinutes(1));

        var state = await _endpoints.ReadAsync(_small);

        Assert.That((state.Workers, state.InFlight, state.Limit, state.OutOfUse?.IsStopped), Is.EqualTo((2, 32, 48, true)));
        Assert.That(await _endpoints.ReadAsync(_large), Is.EqualTo(new EndpointState(0, 0, 0, null)));
    }

    private Task<Backlog> ReadAsync() => _backlog.ReadAsync(
        new[] { (_small, _small), (_small, $"{_small}/2"), (_large, _large) }.ToLookup(pair => pair.Item1, pair => pair.Item2));

    private Task<EndpointShare> InFlightAsync(string endpoint, int calls) => _endpoints.ShareAsync(endpoint, "tests", calls, calls, null, calls, calls);

    private async Task<BatchRecord> CommitAsync(string workspace, int count)
    {
        var upload = await Batches.BeginUploadAsync();
        for (var i = 0; i < count; i++)
        {
            await upload.AddAsync(_small, yieldsToStage: false, Request(i));
        }

        return (await Batches.CommitAsync(upload, workspace, null, null, TimeSpan.FromHours(24)))!;
    }
}
