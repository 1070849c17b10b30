using System.Diagnostics;
using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Contracts;
using BatchBus.Simulator;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.TestServers;
using StackExchange.Redis;

namespace BatchBus.Acceptance.Tests.Faults;

[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class When_the_process_is_killed_in_mid_batch(Mode mode)
{
    private const int Count = 2_000;
    private const int Kills = 3;
    private const int Slots = 64;

    /// <summary>Within this time an answer is stored, with much to spare on a busy machine; one that was sent longer before a kill must have been.</summary>
    private static readonly TimeSpan Stored = TimeSpan.FromSeconds(2);

    private static readonly SimulatedLatency Usual = SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3);

    /// <summary>At any instant: an answer that is on its way to a process that dies, or to its store, is lost with it.</summary>
    [Test]
    public async Task Should_end_with_each_request_once_and_repeat_no_call_whose_result_was_kept()
    {
        await using var installation = await Installation.StartAsync(mode, Usual);
        var log = installation.Simulator.Log;
        var id = await installation.SubmitAsync(Leads.Batch(Count, _ => "mistral-7b"));
        var kept = new List<(ulong Key, TimeSpan Since)>();
        var repeatable = new HashSet<(ulong Key, TimeSpan Start)>();
        var open = 0;
        for (var kill = 1; kill <= Kills; kill++)
        {
            await AnsweredAsync(log, kill * Count / (Kills + 2));
            var now = log.Now;
            var sinceKill = Stopwatch.StartNew();
            installation.Kill();
            await Eventually.ThatAsync(() => log.Open == 0, "the simulator has seen the connections break");
            repeatable.UnionWith(log.Entries.Where(call => !(call.End <= now - Stored)).Select(call => (call.Key, call.Start)));
            open += log.OpenAt(now);
            kept.AddRange((await KeptAsync(installation, id)).Select(key => (key, log.Now)));
            await installation.StartProcessAsync();
            await Eventually.ThatAsync(() => log.Open == Slots, "every slot is busy again");
            TestContext.Out.WriteLine($"{mode}: every slot busy again {sinceKill.Elapsed.TotalSeconds:0.0} s after the kill");
        }

        await AssertEndsAsync(installation, id);
        var repeated = Repeated(log);
        TestContext.Out.WriteLine($"{mode}: {repeated.Count} extra calls, {open} open at {Kills} kills");
        var starts = log.Entries.ToLookup(call => call.Key, call => call.Start);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(open, Is.Positive, "the kills met open calls");
            Assert.That(repeated, Is.SubsetOf(repeatable), "only calls that were open, or just answered, are made again");
            Assert.That(kept.Where(result => starts[result.Key].Any(start => start > result.Since)), Is.Empty, "a kept result is not asked for again");
        }
    }

    /// <summary>With a model that stalls every call is open or long answered, so that the two can be told apart to the call.</summary>
    [Test]
    public async Task Should_make_no_more_extra_calls_than_were_open()
    {
        await using var installation = await Installation.StartAsync(mode, Usual);
        var log = installation.Simulator.Log;
        var id = await installation.SubmitAsync(Leads.Batch(Count, _ => "mistral-7b"));
        var open = 0;
        for (var kill = 1; kill <= Kills; kill++)
        {
            await AnsweredAsync(log, kill * Count / (Kills + 2));
            installation.Simulator.Latency = SimulatedLatency.Fixed(TimeSpan.FromHours(1));
            await Eventually.ThatAsync(
                () => log.Open > 0 && log.Entries.Max(call => call.End ?? call.Start) < log.Now - Stored, "every call waits for the model, and what was answered is stored");
            open += log.Open;
            installation.Kill();
            await Eventually.ThatAsync(() => log.Open == 0, "the simulator has seen the connections break");
            installation.Simulator.Latency = Usual;
            await installation.StartProcessAsync();
        }

        await AssertEndsAsync(installation, id);
        var repeated = Repeated(log);
        TestContext.Out.WriteLine($"{mode}, stalled: {repeated.Count} extra calls, {open} open at {Kills} kills");
        Assert.That(repeated, Has.Count.LessThanOrEqualTo(open));
    }

    private static Task AnsweredAsync(SimulatorLog log, int calls)
        => Eventually.ThatAsync(() => log.Open > 0 && log.Entries.Count(call => call.Outcome is SimulatedOutcome.Completed) >= calls, $"{calls} calls are answered");

    private async Task AssertEndsAsync(Installation installation, string id)
    {
        Leads.AssertAllSucceeded(await installation.EndAsync(id, TimeSpan.FromSeconds(60)), Count);
        Leads.AssertEachAnsweredOnce(await installation.ResultsAsync(id), Count);
        if (mode is Mode.Real)
        {
            var queues = await Servers.RabbitMq.QueuesAsync(installation.VirtualHost);
            Assert.That(queues.Where(queue => queue.Name.EndsWith("_error", StringComparison.Ordinal)).Sum(queue => queue.Messages), Is.Zero);
        }
    }

    /// <summary>Every call of a request but its last.</summary>
    private static List<(ulong Key, TimeSpan Start)> Repeated(SimulatorLog log)
        => [.. log.Entries.GroupBy(call => call.Key).SelectMany(calls => calls.OrderBy(call => call.Start).SkipLast(1)).Select(call => (call.Key, call.Start))];

    /// <summary>The requests whose results have survived; the embedded store cannot be asked while its process is dead.</summary>
    private static async Task<IReadOnlyList<ulong>> KeptAsync(Installation installation, string id)
    {
        if (installation.Mode is Mode.Embedded)
        {
            return [];
        }

        await using var redis = await ConnectionMultiplexer.ConnectAsync(installation.Redis.ConnectionString);
        Assert.That(BatchId.TryParse(id, out var batchId));
        var keys = Enumerable.Range(0, Count).ToDictionary(Leads.CustomId, i => SimulatedAnswer.KeyOf([new ChatMessage("user", Leads.Prompt(i))]));
        return [.. (await new ResultStore(redis, new RequestStore(redis)).ReadAsync(batchId, 0, 0, Count)).Select(entry => keys[entry.Result.CustomId])];
    }
}
