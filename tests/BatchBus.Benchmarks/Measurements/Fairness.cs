using System.Diagnostics;
using BatchBus.Api.Keys;
using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Reporting;
using BatchBus.Benchmarks.Rivals;
using BatchBus.Benchmarks.Work;
using BatchBus.Simulator;

namespace BatchBus.Benchmarks.Measurements;

/// <summary>What large batches do to a small one, and what a workspace with many batches does to one with a single batch.</summary>
internal static class Fairness
{
    public const string Title = "A batch of 10 behind batches of 100,000, and two workspaces: 200 ms model (log-normal), 64 slots";

    private const int Small = 10;
    private const int Large = 100_000;
    private const int Trials = 20;
    private const int Slots = 64;

    private static readonly SimulatedLatency Latency = SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3);
    private static readonly TimeSpan SharesWindow = TimeSpan.FromSeconds(20);

    public static async Task RunAsync(Benchmark benchmark)
    {
        var section = benchmark.Report.Begin(7, Title);
        await benchmark.Simulator.SetLatencyAsync(TimeSpan.Zero);
        await using (var installation = await benchmark.StartOnServersAsync("everysec", Slots, RivalRun.ShortWarmUpCount))
        {
            await benchmark.Simulator.SetLatencyAsync(Latency);
            var alone = await TrialsAsync(installation, "alone", 1);
            await SubmitAsync(installation, 1, "one");
            await TrialsAsync(installation, "behind one", Median(alone));
            await SubmitAsync(installation, 19, "more");
            await TrialsAsync(installation, "behind twenty", Median(alone));
        }

        await SharesAsync(benchmark, section);

        async Task<List<double>> TrialsAsync(Installation installation, string where, double reference)
        {
            var elapsed = new List<double>();
            for (var i = 0; i < Trials; i++)
            {
                var small = new Workload($"small {where} {i}", Small);
                var body = small.BatchBody();
                var clock = Stopwatch.StartNew();
                var id = await installation.SubmitAsync(body);
                await installation.EndAsync(id);
                elapsed.Add(clock.Elapsed.TotalMilliseconds);
                section.Add(where, "submission to end", elapsed[^1], "ms", small.CheckResults(await installation.ReadResultsAsync(id, Small * 1_500)));
            }

            if (reference > 1)
            {
                section.Add(where, "median, times alone", Median(elapsed) / reference, "×", default, "≤ 2.5");
                section.Add(where, "95th percentile, times alone", elapsed.Order().ElementAt((int)(0.95 * Trials) - 1) / reference, "×", default, "≤ 4");
            }

            return elapsed;
        }
    }

    private static async Task SubmitAsync(Installation installation, int batches, string name)
    {
        for (var i = 0; i < batches; i++)
        {
            await installation.SubmitAsync(new Workload($"large {name} {i}", Large).BatchBody());
        }
    }

    /// <summary>Equal weights, ten batches against one: who owns the calls that begin while both have work.</summary>
    private static async Task SharesAsync(Benchmark benchmark, Section section)
    {
        string[] keys = [ApiKey.New(), ApiKey.New()];
        await benchmark.Simulator.SetLatencyAsync(TimeSpan.Zero);
        await using var installation = await benchmark.StartColdOnServersAsync(
            "everysec",
            Slots,
            ("BatchBus__ApiKeys__0__Workspace", "many"),
            ("BatchBus__ApiKeys__0__Hash", ApiKey.Hash(keys[0])),
            ("BatchBus__ApiKeys__1__Workspace", "single"),
            ("BatchBus__ApiKeys__1__Hash", ApiKey.Hash(keys[1])));
        await benchmark.Simulator.SetLatencyAsync(Latency);
        for (var i = 0; i < 10; i++)
        {
            await installation.SubmitAsync(new Workload($"many {i}", Large / 10).BatchBody(), keys[0]);
        }

        await installation.SubmitAsync(new Workload("single", Large).BatchBody(), keys[1]);
        int many = -await installation.SucceededAsync("many"), single = -await installation.SucceededAsync("single");
        await Task.Delay(SharesWindow);
        many += await installation.SucceededAsync("many");
        single += await installation.SucceededAsync("single");
        section.Add("workspace with ten batches", "share of what was done in 20 s", 100.0 * many / (many + single), "%", default, "45 to 55 %");
        section.Add("workspace with one batch", "share of what was done in 20 s", 100.0 * single / (many + single), "%", default, "45 to 55 %");
    }

    private static double Median(List<double> samples) => samples.Order().ElementAt(samples.Count / 2);
}
