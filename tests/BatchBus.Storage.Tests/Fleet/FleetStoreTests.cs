using BatchBus.Storage.Fleet;

namespace BatchBus.Storage.Tests.Fleet;

public sealed class FleetStoreTests(StoreServer server) : StoreFixture(server)
{
    private FleetStore _fleet = null!;
    private string _model = null!;

    [SetUp]
    public void CreateFleet()
    {
        _fleet = new FleetStore(Connection, Time);
        _model = $"model-{Guid.NewGuid():N}";
    }

    [Test]
    public async Task Workers_that_are_alive_are_counted_with_their_slots()
    {
        await _fleet.ReportWorkerAsync(_model, "one", 16);
        await _fleet.ReportWorkerAsync(_model, "two", 32);
        await _fleet.ReportWorkerAsync(_model, "one", 24);
        await _fleet.ReportWorkerAsync($"{_model}-other", "three", 8);

        Assert.That(await WorkersAsync(), Is.EqualTo((2, 56)));
    }

    [Test]
    public async Task A_worker_that_falls_silent_is_forgotten_and_one_that_says_goodbye_at_once()
    {
        await _fleet.ReportWorkerAsync(_model, "silent", 16);
        await _fleet.ReportWorkerAsync(_model, "leaving", 16);
        Time.Advance(FleetStore.WorkerMemory / 2);
        await _fleet.ReportWorkerAsync(_model, "alive", 4);
        await _fleet.RemoveWorkerAsync(_model, "leaving");
        Assert.That(await WorkersAsync(), Is.EqualTo((2, 20)));

        Time.Advance(FleetStore.WorkerMemory / 2);

        Assert.That(await WorkersAsync(), Is.EqualTo((1, 4)));
        Assert.That(await Database.HashKeysAsync($"batchbus:workers:{_model}"), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task A_batch_has_its_part_of_its_workspaces_share()
    {
        Guid first = Guid.NewGuid(), second = Guid.NewGuid(), third = Guid.NewGuid();
        await _fleet.AddBatchAsync(_model, first, "acme", 1);
        await _fleet.AddBatchAsync(_model, first, "acme", 1);
        Assert.That(await SharesAsync("acme"), Is.EqualTo(new[] { 1.0 }));

        await _fleet.AddBatchAsync(_model, second, "acme", 1);
        await _fleet.AddBatchAsync(_model, third, "big|corp", 3);
        Assert.That(await SharesAsync("acme", "big|corp"), Is.EqualTo(new[] { 0.125, 0.75 }));

        await _fleet.RemoveBatchAsync([_model], first);
        Assert.That(await SharesAsync("acme", "big|corp"), Is.EqualTo(new[] { 0.25, 0.75 }));
    }

    private async Task<(int Workers, int Slots)> WorkersAsync()
    {
        var fleet = await _fleet.ReadAsync(_model);
        return (fleet.Workers, fleet.Slots);
    }

    private async Task<IEnumerable<double>> SharesAsync(params string[] workspaces)
    {
        var fleet = await _fleet.ReadAsync(_model);
        return workspaces.Select(fleet.ShareOf);
    }
}
