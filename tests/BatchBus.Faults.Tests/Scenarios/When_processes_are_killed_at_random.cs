using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using BatchBus.Faults.Tests.Checks;
using BatchBus.Faults.Tests.Deployed;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Scenarios;

/// <summary>
/// Kills (SIGKILL) over all roles while batches are executed. <c>BATCHBUS_CHAOS=long</c> makes it 200 kills over 100,000 requests,
/// <c>BATCHBUS_SEED</c> repeats the choices of an earlier run.
/// </summary>
public sealed class When_processes_are_killed_at_random : ScenarioFixture
{
    private const int OpenBatches = 3;

    private static readonly bool Long = Environment.GetEnvironmentVariable("BATCHBUS_CHAOS") == "long";
    private static readonly int Kills = Long ? 200 : 8;
    private static readonly int BatchSize = Long ? 2_500 : 400;
    private static readonly int Batches = Long ? 40 : 4;

    private readonly List<(string Role, int Open, TimeSpan Ready)> _kills = [];

    [Test]
    public async Task Nothing_is_lost_and_nothing_is_doubled()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("BATCHBUS_SEED"), CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next();
        await TestContext.Progress.WriteLineAsync($"BATCHBUS_SEED={seed}");
        var random = new Random(seed);
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(Long ? 150 : 250), 0.3));

        var watch = Stopwatch.StartNew();
        var batches = new List<ObservedBatch>();
        var submitting = SubmitAllAsync(batches);
        for (var kill = 1; kill <= Kills; kill++)
        {
            await ProgressAsync(batches, (double)kill / (Kills + 1), submitting);
            await KillOneAsync(random);
        }

        await submitting;
        foreach (var batch in batches)
        {
            await batch.EndsExactAsync(TimeSpan.FromMinutes(2), Waste);
        }

        await TestContext.Out.WriteLineAsync(Table(seed, batches, watch.Elapsed));
    }

    /// <summary>Waits until a share of all requests has results.</summary>
    private async Task ProgressAsync(List<ObservedBatch> batches, double share, Task submitting)
        => await Eventually.ThatAsync(
            async () =>
            {
                if (submitting.IsFaulted)
                {
                    await submitting;
                }

                var finished = 0;
                foreach (var batch in Snapshot(batches))
                {
                    finished += await Deployment.Batches.FindAsync(batch.BatchId) is { } record ? record.Succeeded + record.Errored : 0;
                }

                return finished >= share * Batches * BatchSize;
            },
            $"{share:P0} of the requests have results",
            TimeSpan.FromMinutes(2));

    private async Task KillOneAsync(Random random)
    {
        var running = Deployment.Processes.Where(process => process != Deployment.SecondOrchestrator).ToList();
        var victim = running[random.Next(running.Count)];
        var before = Waste.Calls.Count;
        await Waste.KillAsync(victim);
        var watch = Stopwatch.StartNew();
        await victim.StartAsync();
        _kills.Add((victim.Name.Split(' ')[0], Waste.Calls.Count - before, watch.Elapsed));
    }

    /// <summary>Keeps a few batches open until all are submitted; repeats each create, by its name, until it is answered.</summary>
    private async Task SubmitAllAsync(List<ObservedBatch> batches)
    {
        for (var i = 0; i < Batches; i++)
        {
            await Eventually.ThatAsync(
                () => Snapshot(batches).Count(batch => batch.EndedAt is null) < OpenBatches, "a batch has ended", TimeSpan.FromMinutes(5));
            var (workload, key, id) = (new Workload(BatchSize), Guid.NewGuid().ToString(), "");
            await Eventually.ThatAsync(
                async () =>
                {
                    var (status, body) = await Deployment.CreateAsync(workload.Body, key);
                    id = status is HttpStatusCode.OK ? ObservedBatch.IdOf(body) : "";
                    return id.Length > 0;
                },
                "a create is answered",
                TimeSpan.FromMinutes(2));
            lock (batches)
            {
                batches.Add(Watch(workload, id));
            }
        }
    }

    private static List<ObservedBatch> Snapshot(List<ObservedBatch> batches)
    {
        lock (batches)
        {
            return [.. batches];
        }
    }

    private string Table(int seed, List<ObservedBatch> batches, TimeSpan elapsed)
    {
        var table = new StringBuilder();
        table.AppendLine(CultureInfo.InvariantCulture, $"seed {seed}: {Kills} kills over {Batches * BatchSize:N0} requests in {Batches} batches, {elapsed.TotalSeconds:0} s");
        table.AppendLine("| killed       | times | calls open | extra calls | ready again, mean | longest |");
        table.AppendLine("| ------------ | ----: | ---------: | ----------: | ----------------: | ------: |");
        var repeated = batches.Sum(batch => batch.Repeated.Count);
        var unexplained = batches.Sum(batch => batch.Repeated.Count(call => !Waste.Calls.Contains(call.Id)));
        foreach (var role in new[] { "api", "orchestrator", "worker" })
        {
            var kills = _kills.Where(kill => kill.Role == role).ToList();
            var extra = role == "worker" ? repeated - unexplained : 0;
            var mean = kills.Count > 0 ? kills.Average(kill => kill.Ready.TotalSeconds) : 0;
            var longest = kills.Count > 0 ? kills.Max(kill => kill.Ready.TotalSeconds) : 0;
            table.AppendLine(CultureInfo.InvariantCulture, $"| {role,-12} | {kills.Count,5} | {kills.Sum(kill => kill.Open),10} | {extra,11} | {mean,15:0.0} s | {longest,5:0.0} s |");
        }

        table.AppendLine(
            CultureInfo.InvariantCulture,
            $"lost {batches.Sum(batch => batch.Lost)}, doubled {batches.Sum(batch => batch.Doubled)}, extra calls that no kill explains {unexplained}, calls after a durable result {batches.Sum(batch => batch.CallsAfterResult().Count)}, calls after the end {batches.Sum(batch => batch.CallsAfterEnd().Count)}, longest pause without an answer {LongestPause():0.0} s");
        return table.ToString();
    }

    private double LongestPause()
    {
        var ends = Deployment.Witness.Calls.Where(call => call.Outcome is SimulatedOutcome.Completed).Select(call => call.End!.Value.TotalSeconds).Order().ToList();
        return ends.Zip(ends.Skip(1), (earlier, later) => later - earlier).Max();
    }
}
