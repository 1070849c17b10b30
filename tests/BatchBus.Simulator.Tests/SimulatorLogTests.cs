using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;

namespace BatchBus.Simulator.Tests;

public sealed class SimulatorLogTests
{
    [Test]
    public async Task Every_call_is_witnessed_in_order_of_arrival()
    {
        await using var simulator = await RunningSimulator.StartAsync();

        await simulator.CompleteAsync(RunningSimulator.Chat("one"));
        await simulator.AwaitJobAsync(await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("two"))), "COMPLETED");
        await simulator.CompleteAsync(RunningSimulator.Chat("one"));
        await simulator.CompleteAsync(new JsonObject());

        var one = SimulatedAnswer.KeyOf([new("user", "one")]);
        var two = SimulatedAnswer.KeyOf([new("user", "two")]);
        var entries = simulator.Log.Entries;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(entries.Select(call => call.Key), Is.EqualTo(new[] { one, two, one, 0UL }));
            Assert.That(
                entries.Select(call => call.Protocol),
                Is.EqualTo(new[] { SimulatedProtocol.OpenAi, SimulatedProtocol.RunPodJobs, SimulatedProtocol.OpenAi, SimulatedProtocol.OpenAi }));
            Assert.That(
                entries.Select(call => call.Outcome),
                Is.EqualTo(new[] { SimulatedOutcome.Completed, SimulatedOutcome.Completed, SimulatedOutcome.Completed, SimulatedOutcome.Failed }));
            Assert.That(entries, Is.All.Matches<SimulatedCall>(call => call.End >= call.Start && call.Model == "mistral-7b"));
            Assert.That(simulator.Log.ExecutionsOf(one), Is.EqualTo(2));
            Assert.That(simulator.Log.ExecutionsOf(two), Is.EqualTo(1));
            Assert.That(simulator.Log.Count(), Is.EqualTo(new SimulatorCounts(4, 2, 1, 0, 1)));
        }
    }

    [Test]
    public async Task A_call_whose_client_goes_away_is_canceled_and_was_open_until_then()
    {
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { Latency = RunningSimulator.Latency("1000s") });
        using var client = new HttpClient { BaseAddress = simulator.Server.BaseAddress };
        using var content = new StringContent(RunningSimulator.Chat("gone").ToJsonString());
        var call = client.PostAsync("/v1/chat/completions", content);
        await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == 1, "the call arrives");
        var during = simulator.Log.Now;

        client.CancelPendingRequests();
        Assert.That(async () => await call, Throws.InstanceOf<OperationCanceledException>());
        await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == 0, "the server notices");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(simulator.Log.Entries.Single().Outcome, Is.EqualTo(SimulatedOutcome.Canceled));
            Assert.That(simulator.Log.OpenAt(during), Is.EqualTo(1));
            Assert.That(simulator.Log.OpenAt(simulator.Log.Now), Is.Zero);
            Assert.That(simulator.Log.OpenAt(TimeSpan.Zero), Is.Zero);
        }
    }

    [Test]
    public async Task A_client_that_goes_away_while_it_waits_for_a_slot_frees_its_place()
    {
        await using var simulator = await RunningSimulator.StartAsync(
            new SimulatorOptions { Latency = RunningSimulator.Latency("1000s"), MaxConcurrency = 1 });
        using var first = new HttpClient { BaseAddress = simulator.Server.BaseAddress };
        using var second = new HttpClient { BaseAddress = simulator.Server.BaseAddress };
        using var content = new StringContent(RunningSimulator.Chat("first").ToJsonString());
        using var otherContent = new StringContent(RunningSimulator.Chat("second").ToJsonString());
        var running = first.PostAsync("/v1/chat/completions", content);
        await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == 1, "the first call runs");
        var waiting = second.PostAsync("/v1/chat/completions", otherContent);
        await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == 2, "the second call waits");
        simulator.Server.Latency = default;
        var third = simulator.CompleteAsync(RunningSimulator.Chat("third"));
        await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == 3, "the third call waits");

        second.CancelPendingRequests();
        Assert.That(async () => await waiting, Throws.InstanceOf<OperationCanceledException>());
        await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == 2, "the second call ends while the first still runs");
        first.CancelPendingRequests();
        Assert.That(async () => await running, Throws.InstanceOf<OperationCanceledException>());

        Assert.That((await third).Status, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task No_more_calls_run_than_there_are_slots_and_all_are_answered_in_order()
    {
        var clock = new FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(
            new SimulatorOptions { TimeProvider = clock, Latency = RunningSimulator.Latency("1s"), MaxConcurrency = 2 });
        var calls = new List<Task>();
        for (var i = 0; i < 6; i++)
        {
            calls.Add(simulator.CompleteAsync(RunningSimulator.Chat($"call {i}")));
            await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == calls.Count, "the call arrives");
        }

        await RunningSimulator.EventuallyAsync(
            () =>
            {
                clock.Advance(TimeSpan.FromMilliseconds(50));
                return calls.TrueForAll(call => call.IsCompleted);
            },
            "all calls are answered");

        // Two at a time: each ends a second or more after the one two places before it.
        var ends = simulator.Log.Entries.Select(call => call.End!.Value).ToList();
        Assert.That(ends.Skip(2).Zip(ends, (later, earlier) => later - earlier), Is.All.GreaterThanOrEqualTo(TimeSpan.FromSeconds(1)));
    }

    [Test]
    public async Task The_log_is_served_as_JSON_lines()
    {
        var clock = new FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = clock });
        clock.Advance(TimeSpan.FromMilliseconds(1.5));
        await simulator.CompleteAsync(RunningSimulator.Chat("seen"));
        simulator.Server.Latency = RunningSimulator.Latency("1000s");
        await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("open")));

        var text = await simulator.Http.GetStringAsync("/simulator/log");

        var key = SimulatedAnswer.KeyOf([new("user", "seen")]).ToString("x16", null);
        var open = SimulatedAnswer.KeyOf([new("user", "open")]).ToString("x16", null);
        Assert.That(text, Is.EqualTo(
            $$"""
            {"key":"{{key}}","model":"mistral-7b","protocol":"openai","start_ms":1.5,"end_ms":1.5,"outcome":"completed","endpoint":"v1","began_ms":1.5,"fault":false}
            {"key":"{{open}}","model":"mistral-7b","protocol":"runpod","start_ms":1.5,"end_ms":null,"outcome":"open","endpoint":"ep","began_ms":1.5,"fault":false}

            """));
    }

    [Test]
    public async Task A_long_log_is_served_whole()
    {
        await using var simulator = await RunningSimulator.StartAsync();
        for (var i = 0UL; i < 5000; i++)
        {
            simulator.Log.Begin(i + 1, "mistral-7b", SimulatedProtocol.OpenAi);
        }

        var lines = (await simulator.Http.GetStringAsync("/simulator/log")).TrimEnd('\n').Split('\n');

        Assert.That(
            lines.Select(line => (string)JsonNode.Parse(line)!["key"]!),
            Is.EqualTo(Enumerable.Range(1, 5000).Select(i => i.ToString("x16", null))));
    }

    [Test]
    public async Task Counts_are_served_and_the_log_can_be_cleared()
    {
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { Latency = RunningSimulator.Latency("1000s") });
        await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("same")));
        var job = await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("same")));
        var before = await simulator.GetAsync("/simulator/counts");

        using var cleared = await simulator.Http.DeleteAsync("/simulator/log");
        await simulator.PostAsync($"/v2/ep/cancel/{job}", "");

        var after = await simulator.GetAsync("/simulator/counts");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(before.ToJsonString(), Does.StartWith("""{"total":2,"distinct_keys":1,"repeated_keys":1,"open":2,"max_open":2,"now_ms":"""));
            Assert.That(cleared.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
            Assert.That(after.ToJsonString(), Does.StartWith("""{"total":0,"distinct_keys":0,"repeated_keys":0,"open":0,"max_open":0,"now_ms":"""));
        }
    }
}
