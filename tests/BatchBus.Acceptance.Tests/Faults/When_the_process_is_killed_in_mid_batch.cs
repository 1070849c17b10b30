using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Faults;

[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class When_the_process_is_killed_in_mid_batch(Mode mode)
{
    private const int Count = 2_000;
    private const int Kills = 3;

    /// <summary>An answer on its way to a process that dies counts as open: the simulator cannot know that it was never kept.</summary>
    private static readonly TimeSpan OnItsWay = TimeSpan.FromMilliseconds(20);

    [Test]
    public async Task Should_end_with_each_request_once_and_repeat_only_the_calls_that_were_open()
    {
        await using var installation = await Installation.StartAsync(mode, SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3));
        var log = installation.Simulator.Log;
        var openAtKills = 0;
        var id = await installation.SubmitAsync(Leads.Batch(Count, _ => "mistral-7b"));

        var open = new HashSet<(ulong Key, TimeSpan Start)>();
        for (var kill = 1; kill <= Kills; kill++)
        {
            var enough = kill * Count / (Kills + 2);
            await Eventually.ThatAsync(() => log.Entries.Count(call => call.Outcome is SimulatedOutcome.Completed) >= enough && log.Open > 0, $"{enough} calls are answered");
            var now = log.Now;
            installation.Kill();
            await Eventually.ThatAsync(() => log.Open == 0, "the simulator has seen the connections break");
            open.UnionWith(log.Entries.Where(call => call.WasOpenAt(now) || call.WasOpenAt(now - OnItsWay) || call.Start > now).Select(call => (call.Key, call.Start)));
            openAtKills += log.OpenAt(now);
            await installation.StartProcessAsync();
        }

        var batch = await installation.EndAsync(id, TimeSpan.FromSeconds(90));

        Leads.AssertAllSucceeded(batch, Count);
        Leads.AssertEachAnsweredOnce(await installation.ResultsAsync(id), Count);
        var repeated = log.Entries.GroupBy(call => call.Key).SelectMany(calls => calls.OrderBy(call => call.Start).SkipLast(1)).ToList();
        TestContext.Out.WriteLine($"{mode}: {log.Entries.Count - Count} extra calls, {openAtKills} open at {Kills} kills, {open.Count} with those answered within {OnItsWay.TotalMilliseconds} ms before");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(open, Is.Not.Empty, "the kills met open calls");
            Assert.That(repeated.Select(call => (call.Key, call.Start)), Is.SubsetOf(open), "only calls that were open at a kill are made again");
        }

        if (mode is Mode.Real)
        {
            var queues = await Servers.RabbitMq.QueuesAsync(installation.VirtualHost);
            Assert.That(queues.Where(queue => queue.Name.EndsWith("_error", StringComparison.Ordinal)).Sum(queue => queue.Messages), Is.Zero);
        }
    }
}
