using System.Net;
using BatchBus.Faults.Tests.Checks;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Scenarios;

public sealed class When_a_cancel_is_interrupted : ScenarioFixture
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(10);

    [Test]
    [Category("cancel_event_lost")]
    public async Task It_takes_effect_although_its_message_was_never_sent()
    {
        Deployment.SetLatency(SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(500)));
        await Deployment.Api.ArmAsync("send:CancelBatch:before:exit");
        var batch = await SubmitAsync(600);
        await batch.AnsweredAsync(20);

        var (status, _) = await Deployment.CancelAsync(batch.Id);
        await Deployment.Api.DiesAsync();
        await Deployment.Api.StartAsync();

        Assert.That(status, Is.Null, "the cancel is left unanswered");
        await batch.EndsExactAsync(Soon, Waste, "succeeded", "canceled");
        await AssertHonouredAsync(batch);
    }

    [Test]
    [Category("quiet_interval_cancel_lost")]
    public async Task It_takes_effect_while_no_result_comes_in()
    {
        Deployment.SetLatency(SimulatedLatency.Fixed(TimeSpan.FromSeconds(6)));
        await Deployment.Api.ArmAsync("send:CancelBatch:before:exit");
        var batch = await SubmitAsync(400);
        await Eventually.ThatAsync(() => batch.Calls.Count >= 20, "calls are open");

        await Deployment.CancelAsync(batch.Id);
        await Deployment.Api.DiesAsync();
        var stored = Deployment.Witness.Now;
        await Deployment.Api.StartAsync();

        await batch.EndsExactAsync(Soon, Waste, "succeeded", "canceled");
        await AssertHonouredAsync(batch);
        Assert.That(batch.Calls.Where(call => call.Start > stored + TimeSpan.FromSeconds(1)), Is.Empty, "workers learn of it when they renew their leases");
    }

    [TestCase("script:close_batch:before")]
    [TestCase("script:close_batch:after")]
    [Category("cancel_reverted")]
    public async Task It_is_not_taken_back_when_the_orchestrator_dies_over_it(string failpoint)
    {
        Deployment.SetLatency(SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(500)));
        await Deployment.Orchestrator.ArmAsync($"{failpoint}:exit");
        var batch = await SubmitAsync(600);
        await batch.AnsweredAsync(20);

        var (status, body) = await Deployment.CancelAsync(batch.Id);
        Assert.That(status, Is.EqualTo(HttpStatusCode.OK), body);
        await Deployment.Orchestrator.DiesAsync();
        await Deployment.Orchestrator.StartAsync();

        await batch.EndsExactAsync(Soon, Waste, "succeeded", "canceled");
    }

    [Test]
    [Category("cancel_racing_completion")]
    public async Task It_changes_nothing_when_the_batch_completes_before_it_is_written()
    {
        Deployment.SetLatency(SimulatedLatency.Fixed(TimeSpan.FromSeconds(1)));
        await Deployment.Api.ArmAsync("script:cancel_batch:before:6s");
        var batch = await SubmitAsync(30);
        var cancel = Deployment.CancelAsync(batch.Id);
        await Deployment.Api.StallsAsync();

        await batch.EndsAsync(Soon);
        var (status, body) = await cancel;

        Assert.That(status, Is.EqualTo(HttpStatusCode.BadRequest), body);
        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    [Category("terminal_overwrite")]
    public async Task A_late_end_does_not_replace_the_end_that_was_first()
    {
        await Deployment.SecondOrchestrator.StartAsync();
        await Deployment.Orchestrator.ArmAsync("script:close_batch:before:12s");
        Deployment.SetLatency(SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(500)));
        await WorkTheQueueAsync(Deployment.Orchestrator, notBy: Deployment.SecondOrchestrator);
        var batch = await SubmitAsync(600);
        await batch.AnsweredAsync(20);
        await Deployment.CancelAsync(batch.Id);
        await Deployment.Orchestrator.StallsAsync();

        Deployment.Orchestrator.RabbitMq.Cut();
        await batch.EndsAsync(TimeSpan.FromSeconds(11));
        await Deployment.Orchestrator.GoesOnAsync();
        Deployment.Orchestrator.RabbitMq.Restore();

        await batch.EndsExactAsync(Soon, Waste, "succeeded", "canceled");
    }

    /// <summary>The queue has one active consumer, the longest attached: whoever shall not be it reconnects.</summary>
    private static async Task WorkTheQueueAsync(Deployed.RoleProcess by, Deployed.RoleProcess notBy)
    {
        notBy.RabbitMq.Cut();
        await Eventually.ThatAsync(async () => !await notBy.IsReadyAsync(), $"{notBy.Name} has lost the broker");
        notBy.RabbitMq.Restore();
        await Eventually.ThatAsync(notBy.IsReadyAsync, $"{notBy.Name} is ready again");
        Assert.That(await by.IsReadyAsync(), Is.True);
    }

    private async Task AssertHonouredAsync(ObservedBatch batch)
    {
        var record = (await Deployment.Batches.FindAsync(batch.BatchId))!;
        Assert.That(record.ClosedAt - record.CancelInitiatedAt, Is.LessThan(Bound));
    }
}
