using BatchBus.Faults.Tests.Checks;
using BatchBus.Faults.Tests.Deployed;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Scenarios;

/// <summary>How soon the models are as busy as before, with the times that users have: nothing is shortened here.</summary>
public sealed class When_the_rate_returns() : ScenarioFixture(usualTimes: true)
{
    /// <summary>Twice what is done in that time; the rest is canceled.</summary>
    private const int Requests = 3_200;

    /// <summary>Within it everybody is to be back; the figure itself is printed, as it depends on the machine.</summary>
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(9);

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    [SetUp]
    public void SlowDown() => Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3));

    [Test]
    public async Task After_a_worker_was_killed_and_started_again() => await KilledAsync(Deployment.Workers[0]);

    [Test]
    public async Task After_the_orchestrator_was_killed_and_started_again() => await KilledAsync(Deployment.Orchestrator);

    [Test]
    public async Task For_the_others_after_a_worker_froze()
    {
        var batch = await SubmitAsync(Requests);
        await BusyAsync();
        var at = Deployment.Witness.Now;
        Deployment.Workers[0].Freeze();
        await Waste.NoteOpenAsync(Deployment.Workers[0]);
        await PassedAsync(at);

        Show("a worker froze, the other", at, worker => worker == 1, Deployment.Slots);
        Deployment.Workers[0].Thaw();
        await CanceledAsync(batch);
    }

    private async Task KilledAsync(RoleProcess victim)
    {
        var batch = await SubmitAsync(Requests);
        await BusyAsync();
        var at = Deployment.Witness.Now;
        await Waste.KillAsync(victim);
        await victim.StartAsync();
        await PassedAsync(at);

        Show($"{victim.Name} killed and started again, both workers", at, _ => true, 2 * Deployment.Slots);
        await CanceledAsync(batch);
    }

    private async Task CanceledAsync(ObservedBatch batch)
    {
        await Deployment.CancelAsync(batch.Id);
        await batch.EndsExactAsync(Soon, Waste, "succeeded", "canceled");
    }

    private Task BusyAsync()
        => Eventually.ThatAsync(() => Enumerable.Range(0, 2).All(worker => Deployment.Witness.Open(worker) >= Deployment.Slots), "every slot is busy");

    private Task PassedAsync(TimeSpan at) => Eventually.ThatAsync(() => Deployment.Witness.Now > at + Window, "time has passed", 4 * Window);

    /// <summary>A fifth of the slots may be between two calls.</summary>
    private void Show(string what, TimeSpan at, Func<int, bool> who, int slots)
    {
        var calls = Deployment.Witness.Calls.Where(call => who(call.Worker) && (call.End is not { } end || end > at)).ToList();
        var last = TimeSpan.Zero;
        for (var moment = TimeSpan.Zero; moment < Window; moment += Step)
        {
            last = calls.Count(call => call.WasOpenAt(at + moment)) < 0.8 * slots ? moment + Step : last;
        }

        TestContext.Out.WriteLine($"{what}: at full rate from {last.TotalSeconds:0.0} s on");
        Assert.That(last, Is.LessThan(Window), "the slots are busy again");
    }
}
