using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Scenarios;

public sealed class When_the_clock_jumps : ScenarioFixture
{
    [TestCase("01:00:00")]
    [TestCase("-01:00:00")]
    [Category("clock_jump")]
    public async Task No_batch_expires_and_a_dead_worker_is_replaced_all_the_same(string step)
    {
        // Slow enough that the jump, six seconds after the start of each process, comes in the middle.
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(400), 0.3));
        await Task.WhenAll(Deployment.Processes.Where(process => process != Deployment.SecondOrchestrator).Select(process => process.ArmAsync(clockStep: $"{step}@00:00:06")));
        var armed = Deployment.Witness.Now;
        var batch = await SubmitAsync(800);
        await Eventually.ThatAsync(() => Deployment.Witness.Now > armed + TimeSpan.FromSeconds(6), "the clocks have jumped");
        Assert.That(batch.Status, Is.EqualTo("in_progress"), "in mid-batch");

        await Waste.KillAsync(Deployment.Workers[0]);

        await batch.EndsExactAsync(Soon, Waste);
    }

    [TestCase("01:00:00")]
    [TestCase("-01:00:00")]
    [Category("clock_jump")]
    public async Task An_orchestrator_whose_clock_is_wrong_expires_nothing_and_replaces_a_dead_worker(string step)
    {
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(300), 0.3));
        await Deployment.Orchestrator.ArmAsync(clockStep: step);
        var batch = await SubmitAsync(300, expiresInSeconds: 2 * 3600);
        await batch.AnsweredAsync(40);

        await Waste.KillAsync(Deployment.Workers[0]);

        await batch.EndsExactAsync(Soon, Waste);
    }
}
