using BatchBus.Contracts;
using BatchBus.Storage;
using StackExchange.Redis;

namespace BatchBus.Orchestrator.Tests.Batches;

/// <summary>The record is gone, the saga not yet: what was still under way must neither fail nor leave anything behind.</summary>
public sealed class When_an_ended_batch_was_deleted
{
    private OrchestratorBus _bus = null!;
    private BatchSubmitted _submitted = null!;
    private RequestsCompleted _report = null!;
    private RedisKey _record;

    [SetUp]
    public async Task DeleteAsync()
    {
        _bus = await OrchestratorBus.StartAsync();
        await _bus.ReportWorkerAsync("w", slots: 16);
        var record = await _bus.BatchAsync(1);
        _submitted = record.Submitted();
        await _bus.HandleAsync(_submitted);
        _report = await _bus.ExecuteAsync(_bus.Sent[0]);
        await _bus.HandleAsync(_report);
        Assert.That(_bus.Ended, Has.Count.EqualTo(1));
        _record = new BatchKeys(record.BatchId).Record;
        await _bus.Database.KeyDeleteAsync(_record);
    }

    [TearDown]
    public ValueTask StopAsync() => _bus.DisposeAsync();

    [Test]
    public async Task Should_leave_no_record_behind_when_the_announcement_comes_back()
    {
        await _bus.HandleAsync(_bus.Ended[0]);

        Assert.That(await _bus.Database.KeyExistsAsync(_record), Is.False);
    }

    [Test]
    public async Task Should_drop_a_late_submission_or_report()
    {
        await _bus.HandleAsync(_submitted);
        await _bus.HandleAsync(_report);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_bus.Ended, Has.Count.EqualTo(1), "there is nothing to announce any more");
            Assert.That(await _bus.Database.KeyExistsAsync(_record), Is.False);
        }
    }
}
