using System.Net;
using Microsoft.Extensions.Time.Testing;

namespace BatchBus.Simulator.Tests;

public sealed class SimulatorServerTests
{
    [Test]
    public async Task The_latency_can_be_changed_over_HTTP()
    {
        await using var simulator = await RunningSimulator.StartAsync();
        using var good = new StringContent("lognormal:20ms,0.25\n");
        using var bad = new StringContent("soon");

        using var changed = await simulator.Http.PutAsync("/simulator/latency", good);
        using var refused = await simulator.Http.PutAsync("/simulator/latency", bad);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(changed.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
            Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
            Assert.That(await refused.Content.ReadAsStringAsync(), Does.StartWith("'soon' has no unit"));
            Assert.That(simulator.Server.Latency, Is.EqualTo(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(20), 0.25)));
        }
    }

    [Test]
    public async Task A_call_takes_as_long_as_the_latency_says()
    {
        var clock = new FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = clock, Latency = RunningSimulator.Latency("20ms") });
        var call = simulator.CompleteAsync(RunningSimulator.Chat("slow"));
        await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == 1, "the call arrives");
        await RunningSimulator.EventuallyAsync(
            () =>
            {
                clock.Advance(TimeSpan.FromMilliseconds(1));
                return call.IsCompleted;
            },
            "the call is answered");

        var entry = simulator.Log.Entries.Single();
        Assert.That(entry.End - entry.Start, Is.GreaterThanOrEqualTo(TimeSpan.FromMilliseconds(20)));
    }

    [Test]
    public void A_seed_gives_each_request_the_same_latency_again()
    {
        var options = new SimulatorOptions { Latency = RunningSimulator.Latency("lognormal:200ms,1"), Seed = 7 };
        var engine = new ModelEngine(options);
        var again = new ModelEngine(options);
        var other = new ModelEngine(new SimulatorOptions { Latency = options.Latency, Seed = 8 });
        var keys = Enumerable.Range(0, 100).Select(i => SimulatedAnswer.KeyOf([new("user", $"{i}")])).ToList();

        var latencies = keys.Select(engine.LatencyOf).ToList();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(keys.Select(again.LatencyOf), Is.EqualTo(latencies));
            Assert.That(keys.Select(other.LatencyOf), Is.Not.EqualTo(latencies));
            Assert.That(latencies, Is.Unique);
        }
    }

    [Test]
    public async Task Stop_ends_open_calls_and_jobs_at_once()
    {
        var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { Latency = RunningSimulator.Latency("1000s") });
        var call = simulator.CompleteAsync(RunningSimulator.Chat("open"));
        await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("job")));
        await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == 2, "both arrive");

        await simulator.Server.StopAsync();

        Assert.That(async () => await call, Throws.InstanceOf<HttpRequestException>());
        await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == 0, "both end");
        await simulator.DisposeAsync();
        Assert.That(simulator.Log.Entries.Select(entry => entry.Outcome), Is.All.EqualTo(SimulatedOutcome.Canceled));
    }

    [Test]
    public async Task A_taken_port_is_an_IOException()
    {
        await using var simulator = await RunningSimulator.StartAsync();

        Assert.That(
            async () => await SimulatorServer.StartAsync(new SimulatorOptions { Url = simulator.Server.BaseAddress.ToString() }),
            Throws.InstanceOf<IOException>());
    }

    [Test]
    public void Options_without_a_model_or_a_slot_are_refused()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(async () => await SimulatorServer.StartAsync(new SimulatorOptions { Models = [] }), Throws.InstanceOf<ArgumentException>());
            Assert.That(async () => await SimulatorServer.StartAsync(new SimulatorOptions { MaxConcurrency = 0 }), Throws.InstanceOf<ArgumentException>());
        }
    }

    [Test]
    public async Task Hundreds_of_calls_run_at_once_and_each_gets_its_own_answer()
    {
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { Latency = RunningSimulator.Latency("50ms") });
        var prompts = Enumerable.Range(0, 300).Select(i => $"Lead number {i}").ToList();

        var answers = await Task.WhenAll(prompts.Select(prompt => simulator.CompleteAsync(RunningSimulator.Chat(prompt))));

        using (Assert.EnterMultipleScope())
        {
            for (var i = 0; i < prompts.Count; i++)
            {
                Assert.That(
                    (string)answers[i].Body["choices"]![0]!["message"]!["content"]!,
                    Does.Contain(SimulatedAnswer.Echo([new("user", prompts[i])])));
            }

            Assert.That(simulator.Log.Count(), Is.EqualTo(new SimulatorCounts(300, 300, 0, 0, simulator.Log.Count().MaxOpen)));
            Assert.That(answers.Select(answer => answer.Status), Is.All.EqualTo(HttpStatusCode.OK));
        }
    }
}
