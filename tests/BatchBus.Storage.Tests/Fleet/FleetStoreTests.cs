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

        Assert.That(await _fleet.ReadAsync(_model), Is.EqualTo(new ModelFleet(2, 56, 0)));
    }

    [Test]
    public async Task A_worker_that_falls_silent_is_forgotten_and_one_that_says_goodbye_at_once()
    {
        await _fleet.ReportWorkerAsync(_model, "silent", 16);
        await _fleet.ReportWorkerAsync(_model, "leaving", 16);
        Time.Advance(FleetStore.WorkerMemory / 2);
        await _fleet.ReportWorkerAsync(_model, "alive", 4);
        await _fleet.RemoveWorkerAsync(_model, "leaving");
        Assert.That(await _fleet.ReadAsync(_model), Is.EqualTo(new ModelFleet(2, 20, 0)));

        Time.Advance(FleetStore.WorkerMemory / 2);

        Assert.That(await _fleet.ReadAsync(_model), Is.EqualTo(new ModelFleet(1, 4, 0)));
        Assert.That(await Database.HashKeysAsync($"batchbus:workers:{_model}"), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Active_batches_are_counted_once_each()
    {
        Guid first = Guid.NewGuid(), second = Guid.NewGuid();
        await _fleet.AddBatchAsync(_model, first, "acme");
        await _fleet.AddBatchAsync(_model, first, "acme");
        await _fleet.AddBatchAsync(_model, second, "acme");
        Assert.That(await _fleet.ReadAsync(_model), Is.EqualTo(new ModelFleet(0, 0, 2)));

        await _fleet.RemoveBatchAsync(_model, first);

        Assert.That(await _fleet.ReadAsync(_model), Is.EqualTo(new ModelFleet(0, 0, 1)));
    }
}
