using BatchBus.Faults.Tests.Checks;
using BatchBus.Simulator;

namespace BatchBus.Faults.Tests.Endpoints;

/// <summary>
/// Workers of an endpoint whose model server is dead take jobs and fail each within milliseconds, and the endpoint's health does not show
/// it: left to itself, one of them fails a batch of a thousand within seconds.
/// </summary>
public sealed class When_an_engine_is_dead : EndpointFixture
{
    private const int Requests = 900;
    private const int Spare = 20;

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(9);
    private static readonly TimeSpan Return = TimeSpan.FromSeconds(10);

    [Test]
    public async Task Its_jobs_are_executed_again_and_all_succeed()
    {
        var dead = await Task.WhenAll(DeadAsync("one-dead", 1), DeadAsync("all-dead", 3));

        var trials = (int)(Duration / EndpointDeployment.TrialInterval) + 1;
        using (Assert.EnterMultipleScope())
        {
            foreach (var (name, _, inFlight, failed, after) in dead)
            {
                TestContext.Out.WriteLine($"{name}: {inFlight} in flight, {failed} failed jobs in {Duration.TotalSeconds} s, full rate {after.TotalSeconds:0.0} s after its return");

                // A living neighbour answers trials, after each of which the workers find out again, two calls at a time.
                Assert.That(failed, Is.InRange(1, Slots + Spare + (trials * (name == "one-dead" ? 5 : 1))), name);
                Assert.That(after, Is.LessThan(EndpointDeployment.TrialInterval + Return), name);
            }
        }

        foreach (var (name, batch, _, _, _) in dead)
        {
            await batch.EndsAsync(Soon);
            Waste.NoteRequests(LogOf(name).Where(call => call.IsFault).Select(call => call.Key).ToHashSet());
            await batch.EndsExactAsync(Soon, Waste);
        }
    }

    private async Task<(string Endpoint, ObservedBatch Batch, int InFlight, int Failed, TimeSpan Return)> DeadAsync(string name, int workers)
    {
        var endpoint = Model.Endpoint(name);
        endpoint.Latency = SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3);
        endpoint.Workers = new SimulatedWorkers { Min = 3, Max = 3, Concurrency = Slots };
        var batch = await SubmitAsync(Requests, name);
        await ReachedAsync(name, Requests / 4);
        await RunsAsync(name, Busy);
        var inFlight = endpoint.Count() is var count ? count.Running + count.InQueue : 0;

        endpoint.DeadWorkers = workers;
        await PassedAsync(Duration);
        var failed = LogOf(name).Count(call => call.IsFault);
        endpoint.DeadWorkers = 0;

        return (name, batch, inFlight, failed, await RunsAsync(name, inFlight * 4 / 5));
    }
}
