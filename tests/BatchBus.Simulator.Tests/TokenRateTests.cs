using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace BatchBus.Simulator.Tests;

public sealed class TokenRateTests
{
    [TestCase(1, 52.5)]
    [TestCase(4, 210)]
    [TestCase(6, 293.5)]
    [TestCase(8, 377)]
    [TestCase(24, 809.5)]
    [TestCase(48, 1190)]
    [TestCase(100, 1190)]
    public void TotalAt_interpolates_between_the_points(int sequences, double total) =>
        Assert.That(SimulatedTokenRate.Rtx4090Mistral7B.TotalAt(sequences), Is.EqualTo(total).Within(1e-9));

    [Test]
    public void The_presets_are_found_by_name()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(SimulatedTokenRate.Named("rtx-4090-mistral-7b"), Is.SameAs(SimulatedTokenRate.Rtx4090Mistral7B));
            Assert.That(SimulatedTokenRate.Named("2xa100-llama-70b-fp8")!.TotalAt(32), Is.EqualTo(662));
            Assert.That(SimulatedTokenRate.Named("other"), Is.Null);
        }
    }

    [Test]
    public void A_rate_without_points_or_with_one_that_is_not_positive_is_refused()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => new SimulatedTokenRate(default, new Dictionary<int, double>()), Throws.ArgumentException);
            Assert.That(() => new SimulatedTokenRate(default, new Dictionary<int, double> { [0] = 1 }), Throws.ArgumentException);
            Assert.That(() => new SimulatedTokenRate(default, new Dictionary<int, double> { [1] = 0 }), Throws.ArgumentException);
        }
    }

    [Test]
    public async Task A_job_takes_its_tokens_at_the_rate_that_it_shares_with_others()
    {
        var clock = new FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = clock });

        // One sequence alone gets 10 tokens a second, two get 6 each.
        simulator.Endpoint.TokenRate = new SimulatedTokenRate(default, new Dictionary<int, double> { [1] = 10, [2] = 12 });
        var ids = new[] { await SubmitAsync(simulator, 12), await SubmitAsync(simulator, 20) };

        // 2 s for 12 tokens each, and 0.8 s for the last 8 of the longer one.
        clock.Advance(TimeSpan.FromSeconds(2));
        var first = await TimeOfAsync(simulator, ids[0]);
        clock.Advance(TimeSpan.FromSeconds(0.8));
        var second = await TimeOfAsync(simulator, ids[1]);

        Assert.That((first, second), Is.EqualTo((2000, 2800)));
    }

    [Test]
    public async Task Answers_are_as_long_as_the_endpoint_says()
    {
        var clock = new FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = clock });
        simulator.Endpoint.TokenRate = new SimulatedTokenRate(default, new Dictionary<int, double> { [1] = 100 });
        simulator.Endpoint.AnswerLength = 0.75;
        var id = await SubmitAsync(simulator, 400);

        clock.Advance(TimeSpan.FromSeconds(3));
        var job = await simulator.AwaitJobAsync(id, "COMPLETED");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((int)job["output"]![0]!["usage"]!["completion_tokens"]!, Is.EqualTo(300));
            Assert.That((long)job["executionTime"]!, Is.EqualTo(3000));
            Assert.That(() => simulator.Endpoint.AnswerLength = 1.1, Throws.InstanceOf<ArgumentException>());
        }
    }

    [Test]
    public async Task A_sequence_waits_for_its_first_token()
    {
        var clock = new FakeTimeProvider();
        var decoder = new Workers.TokenDecoder(new Workers.EndpointClock(clock));
        var running = decoder.DecodeAsync(new SimulatedTokenRate(TimeSpan.FromSeconds(1), new Dictionary<int, double> { [1] = 10 }), 10, default);
        clock.Advance(TimeSpan.FromSeconds(0.999));
        var before = decoder.Sequences;

        clock.Advance(TimeSpan.FromSeconds(0.001));
        await RunningSimulator.EventuallyAsync(() => decoder.Sequences == 1, "the first token comes");
        clock.Advance(TimeSpan.FromSeconds(1));

        await running.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(before, Is.Zero);
    }

    [Test]
    public void Sequences_that_share_a_rate_all_get_their_tokens_in_the_time_that_the_total_allows() =>
        Gen.Int[1, 400].Array[1, 40].Sample(lengths =>
        {
            var clock = new FakeTimeProvider();
            var decoder = new Workers.TokenDecoder(new Workers.EndpointClock(clock));
            var rate = new SimulatedTokenRate(default, new Dictionary<int, double> { [1] = 50, [8] = 300 });
            var running = lengths.Select(length => decoder.DecodeAsync(rate, length, default)).ToList();

            // By hand: the shortest ends first, while all that are left share the total.
            var (seconds, served) = (0.0, 0.0);
            var left = lengths.Length;
            foreach (var length in lengths.Order())
            {
                seconds += (length - served) * left / rate.TotalAt(left);
                served = length;
                left--;
            }

            clock.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(5));
            var early = decoder.Sequences;
            clock.Advance(TimeSpan.FromMilliseconds(15));
            return early > 0 && decoder.Sequences == 0 && running.Count == lengths.Length;
        });

    [Test]
    public async Task A_job_that_generates_longer_than_its_execution_timeout_times_out()
    {
        var clock = new FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = clock });
        simulator.Endpoint.TokenRate = new SimulatedTokenRate(default, new Dictionary<int, double> { [1] = 1 });
        var body = RunningSimulator.Job(RunningSimulator.Chat("slow"));
        body["policy"] = new System.Text.Json.Nodes.JsonObject { ["executionTimeout"] = 5000 };
        var id = await simulator.SubmitAsync(body);
        await simulator.AwaitJobAsync(id, "IN_PROGRESS");

        clock.Advance(TimeSpan.FromSeconds(5));

        await simulator.AwaitJobAsync(id, "TIMED_OUT");
        await RunningSimulator.EventuallyAsync(() => simulator.Endpoint.Count().Running == 0, "its place is free");
    }

    [Test]
    public async Task Scaled_time_passes_faster_and_is_reported_unscaled()
    {
        var clock = new FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = clock, Latency = RunningSimulator.Latency("60s") });
        simulator.Endpoint.TimeScale = 60;
        simulator.Endpoint.Workers = new SimulatedWorkers { Max = 1, ColdStart = TimeSpan.FromMinutes(2) };
        var id = (await simulator.SubmitAsync(1)).Single();

        clock.Advance(TimeSpan.FromSeconds(2));
        await simulator.AwaitJobAsync(id, "IN_PROGRESS");
        clock.Advance(TimeSpan.FromSeconds(1));
        var job = await simulator.AwaitJobAsync(id, "COMPLETED");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((long)job["delayTime"]!, Is.EqualTo(120_000));
            Assert.That((long)job["executionTime"]!, Is.EqualTo(60_000));
            Assert.That(simulator.Log.Entries.Single().End, Is.EqualTo(TimeSpan.FromSeconds(3)));
            Assert.That(() => simulator.Endpoint.TimeScale = 0, Throws.InstanceOf<ArgumentException>());
        }
    }

    private static async Task<string> SubmitAsync(RunningSimulator simulator, int tokens)
    {
        var chat = RunningSimulator.Chat($"of {tokens}");
        chat["max_tokens"] = tokens;
        return await simulator.SubmitAsync(RunningSimulator.Job(chat));
    }

    private static async Task<long> TimeOfAsync(RunningSimulator simulator, string id) => (long)(await simulator.AwaitJobAsync(id, "COMPLETED"))["executionTime"]!;
}
