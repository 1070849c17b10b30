namespace BatchBus.Orchestrator.Tests.Batches;

/// <summary>Ten pages of one request, of which the window lets two out at a time.</summary>
public sealed class When_a_message_comes_again
{
    private OrchestratorBus _bus = null!;
    private Storage.Batches.BatchRecord _record = null!;

    [SetUp]
    public async Task SubmitAsync()
    {
        _bus = await OrchestratorBus.StartAsync();
        _bus.Dispatch.MaxPageSize = 1;
        await _bus.ReportWorkerAsync("w", slots: 1);
        _record = await _bus.BatchAsync(10);
        await _bus.HandleAsync(_record.Submitted());
        Assert.That(_bus.Sent.Select(page => page.From), Is.EqualTo(new[] { 0, 1 }));
    }

    [TearDown]
    public ValueTask StopAsync() => _bus.DisposeAsync();

    [Test]
    public async Task Should_send_the_first_pages_again_only_while_they_are_out()
    {
        await _bus.CompleteAsync(_bus.Sent[0]);
        await _bus.HandleAsync(_record.Submitted());
        var again = _bus.Sent.Skip(3).Select(page => page.From).ToList();

        await _bus.CompleteAsync(_bus.Sent[1]);
        var sent = _bus.Sent.Count;
        await _bus.HandleAsync(_record.Submitted());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(again, Is.EqualTo(new[] { 1 }));
            Assert.That(_bus.Sent, Has.Count.EqualTo(sent), "both first pages are reported by now");
        }
    }

    [Test]
    public async Task Should_send_the_page_again_that_the_report_released_while_it_is_out()
    {
        var report = await _bus.ExecuteAsync(_bus.Sent[0]);
        await _bus.HandleAsync(report);
        Assert.That(_bus.Sent.Select(page => page.From), Is.EqualTo(new[] { 0, 1, 2 }));

        await _bus.HandleAsync(report);
        await _bus.HandleAsync(report);

        Assert.That(_bus.Sent.Skip(3).Select(page => page.From), Is.EqualTo(new[] { 2, 2 }));
    }

    [Test]
    public async Task Should_not_echo_a_report_whose_page_is_reported_too()
    {
        var report = await _bus.ExecuteAsync(_bus.Sent[0]);
        await _bus.HandleAsync(report);
        await _bus.CompleteAsync(_bus.Sent[2]);
        var sent = _bus.Sent.Count;

        await _bus.HandleAsync(report);

        Assert.That(_bus.Sent, Has.Count.EqualTo(sent));
    }

    [Test]
    public async Task Should_announce_the_end_again_and_alike_once_it_has_ended()
    {
        var report = await _bus.ExecuteAsync(_bus.Sent[0]);
        await _bus.HandleAsync(report);
        for (var next = 1; next < _bus.Sent.Count; next++)
        {
            await _bus.CompleteAsync(_bus.Sent[next]);
        }

        Assert.That(_bus.Ended, Has.Count.EqualTo(1));
        var sent = _bus.Sent.Count;

        await _bus.HandleAsync(report);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_bus.Ended, Has.Count.EqualTo(2));
            Assert.That(_bus.Ended.Distinct().Count(), Is.EqualTo(1));
            Assert.That(_bus.Sent, Has.Count.EqualTo(sent));
        }
    }
}
