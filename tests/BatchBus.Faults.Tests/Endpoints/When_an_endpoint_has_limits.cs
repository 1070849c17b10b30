using System.Text;
using BatchBus.Faults.Tests.Checks;
using BatchBus.Simulator;

namespace BatchBus.Faults.Tests.Endpoints;

public sealed class When_an_endpoint_has_limits : EndpointFixture
{
    private const int MaxInFlight = 12;

    /// <summary>RunPod's limits are per 10 s, so this takes at least 30 s; the other scenarios run meanwhile.</summary>
    private static readonly TimeSpan Paced = TimeSpan.FromSeconds(90);

    [Test]
    public async Task They_are_kept_over_all_workers()
    {
        Model.Endpoint("limited").RateLimits = SimulatedRateLimits.RunPod;
        Model.Endpoint("limited").Latency = SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(20));
        var limited = await SubmitAsync(3_000, "limited");

        await BoundedAsync("bounded-chat");
        await BoundedAsync("bounded-jobs");
        await ColdAsync();

        await limited.EndsExactAsync(Paced, Waste);
        var count = Model.Endpoint("limited").Count();
        TestContext.Out.WriteLine($"limited: {count.Runs} runs, {count.Statuses} looks, {count.RateLimited} over the limit, in {LogOf("limited").Max(call => call.End!.Value - LogOf("limited")[0].Start).TotalSeconds:0.0} s");
        Assert.That(count.RateLimited, Is.Zero);
    }

    private async Task BoundedAsync(string name)
    {
        Model.Endpoint(name).Latency = SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(100), 0.3);
        var calls = new int[Deployment.Workers.Count];
        var path = Encoding.ASCII.GetBytes($"POST /v2/{name}/");
        for (var i = 0; i < calls.Length; i++)
        {
            var worker = i;
            Deployment.Workers[i].Model!.OnRequest = bytes =>
            {
                if (bytes.Span.StartsWith(path))
                {
                    Interlocked.Increment(ref calls[worker]);
                }
            };
        }

        var batch = await SubmitAsync(400, name);
        await batch.EndsExactAsync(Soon, Waste);

        TestContext.Out.WriteLine($"{name}: at most {MostOpen(name)} open, {string.Join(" and ", calls)} calls of the workers");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(MostOpen(name), Is.InRange(MaxInFlight * 3 / 4, MaxInFlight));
            Assert.That(calls, Is.All.GreaterThan(100));
        }
    }

    /// <summary>The start of the first worker is not the requests' time.</summary>
    private async Task ColdAsync()
    {
        var endpoint = Model.Endpoint("cold");
        endpoint.Latency = SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(100));
        endpoint.Workers = new SimulatedWorkers { Max = 1, Concurrency = Slots, ColdStart = TimeSpan.FromSeconds(8) };

        var batch = await SubmitAsync(200, "cold");
        await batch.EndsExactAsync(Soon, Waste);

        var count = endpoint.Count();
        TestContext.Out.WriteLine($"cold: first answer {LogOf("cold").Min(call => call.End!.Value - LogOf("cold")[0].Start).TotalSeconds:0.0} s after the first job, {count.Runs} runs, {count.Cancels} cancels");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(count.Runs, Is.EqualTo(200), "no job twice");
            Assert.That(count.Cancels, Is.Zero, "none given up");
            Assert.That(Deployment.Workers.Select(worker => worker.Output), Has.None.Contains("endpoint cold is"), "it stays in use");
        }
    }
}
