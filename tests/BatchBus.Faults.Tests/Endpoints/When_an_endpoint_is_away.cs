using BatchBus.Faults.Tests.Checks;
using BatchBus.Simulator;

namespace BatchBus.Faults.Tests.Endpoints;

/// <summary>Outages in the middle of a batch: they cost its requests nothing but time, and the endpoint few calls.</summary>
public sealed class When_an_endpoint_is_away : EndpointFixture
{
    private const int Requests = 1_200;

    /// <summary>Calls that fail before the endpoint is taken out of use, beyond those that were in flight: five a worker, and their races.</summary>
    private const int Spare = 20;

    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan Return = TimeSpan.FromSeconds(10);
    private static readonly SimulatedLatency Latency = SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3);

    [Test]
    public async Task Its_requests_wait_and_all_succeed()
    {
        var outages = await Task.WhenAll(
            OutageAsync("chat-503", SimulatedOutage.Answer(503)),
            OutageAsync("chat-reset", SimulatedOutage.Reset),
            OutageAsync("jobs-503", SimulatedOutage.Answer(503)),
            OutageAsync("jobs-reset", SimulatedOutage.Reset));

        var trials = (int)(Duration / EndpointDeployment.TrialInterval) + 1;
        using (Assert.EnterMultipleScope())
        {
            foreach (var outage in outages)
            {
                TestContext.Out.WriteLine($"{outage.Endpoint}: {outage.InFlight} in flight, {outage.Failed} failed calls in {Duration.TotalSeconds} s, full rate {outage.Return.TotalSeconds:0.0} s after its return");

                // A look whose connection was kept from an earlier one and is reset, .NET itself repeats on another.
                var looks = outage.Endpoint == "jobs-reset" ? 2 : 1;
                Assert.That(outage.Failed, Is.InRange(1, looks * (Slots + Spare + trials)), outage.Endpoint);
                Assert.That(outage.Return, Is.LessThan(Return), outage.Endpoint);
            }
        }

        foreach (var outage in outages)
        {
            await outage.Batch.EndsExactAsync(Soon, Waste);
        }
    }

    private async Task<(string Endpoint, ObservedBatch Batch, int InFlight, int Failed, TimeSpan Return)> OutageAsync(string name, SimulatedOutage outage)
    {
        var endpoint = Model.Endpoint(name);
        endpoint.Latency = Latency;
        var batch = await SubmitAsync(Requests, name);
        await ReachedAsync(name, Requests / 4);
        await RunsAsync(name, Busy);
        var inFlight = endpoint.Count() is var count ? count.Running + count.InQueue : 0;

        endpoint.Outage = outage;
        var before = CallsTo(name);
        await PassedAsync(Duration);
        var failed = CallsTo(name) - before;
        endpoint.Outage = null;

        return (name, batch, inFlight, failed, await RunsAsync(name, inFlight * 4 / 5));
    }
}
