using BatchBus.Simulator;

namespace BatchBus.Faults.Tests.Endpoints;

public sealed class When_an_endpoint_has_a_fallback : EndpointFixture
{
    private const int Requests = 1_500;

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Return = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Switch = TimeSpan.FromSeconds(3);

    [Test]
    public async Task Requests_go_there_at_once_and_return_when_the_preferred_one_is_back()
    {
        var (preferred, fallback) = (Model.Endpoint("preferred"), Model.Endpoint("fallback"));
        preferred.Latency = fallback.Latency = SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3);
        var batch = await SubmitAsync(Requests, "preferred");
        await ReachedAsync("preferred", Requests / 6);
        await RunsAsync("preferred", Busy);
        Assert.That(fallback.Count().Runs, Is.Zero, "as long as the first is well");

        preferred.Outage = SimulatedOutage.Answer(503);
        var before = CallsTo("preferred");
        Waste.NoteAll();
        var there = await RunsAsync("fallback", Busy);
        await PassedAsync(Duration - there);
        var failed = CallsTo("preferred") - before;
        preferred.Outage = null;
        var back = await RunsAsync("preferred", Busy);

        TestContext.Out.WriteLine($"elsewhere after {there.TotalSeconds:0.0} s, {failed} failed calls, back after {back.TotalSeconds:0.0} s; {fallback.Count().Runs} jobs elsewhere");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(there, Is.LessThan(Switch));
            Assert.That(failed, Is.InRange(1, Slots + 20 + 1 + (int)(Duration / EndpointDeployment.TrialInterval)));
            Assert.That(back, Is.LessThan(Return));
        }

        var elsewhere = fallback.Count().Runs;
        await ReachedAsync("preferred", CallsTo("preferred") + 200);
        await batch.EndsExactAsync(Soon, Waste);
        Assert.That(fallback.Count().Runs - elsewhere, Is.LessThan(Slots), "no more go elsewhere");
        Assert.That(batch.Repeated.Count, Is.LessThanOrEqualTo(Slots), "only what was in flight at the outage is called again");
    }
}
