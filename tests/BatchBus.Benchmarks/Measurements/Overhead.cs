using System.Diagnostics;
using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Reporting;
using BatchBus.Benchmarks.Work;

namespace BatchBus.Benchmarks.Measurements;

/// <summary>What a batch of one takes from its submission to its end beyond the model's time.</summary>
internal static class Overhead
{
    public const string Title = "Overhead of a batch of one: submit to end, less the model's time";

    private const int PerRound = 50;

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(1);

    public static async Task RunAsync(Benchmark benchmark)
    {
        var section = benchmark.Report.Begin(3, Title);
        await benchmark.Simulator.SetLatencyAsync(Throughput.Latency);
        await using var embedded = await benchmark.StartEmbeddedAsync(Throughput.Slots);
        await using var everySecond = await benchmark.StartOnServersAsync("everysec", Throughput.Slots);
        await using var always = await benchmark.StartOnServersAsync("always", Throughput.Slots);
        (string Subject, string Goal, Installation Installation)[] subjects =
            [("embedded", "< 15 ms", embedded), ("on servers, everysec", "< 25 ms", everySecond), ("on servers, always", "", always)];
        foreach (var (subject, _, installation) in subjects)
        {
            // The code of single batches is compiled by them alone, not by the large one that has warmed up the rest.
            _ = await SampleAsync(benchmark.Simulator, installation, $"{subject}, warm-up");
        }

        for (var round = 1; benchmark.HasTimeFor(round, benchmark.IsLong ? 10 : 4); round++)
        {
            foreach (var (subject, goal, installation) in subjects)
            {
                var (overheads, correctness) = await SampleAsync(benchmark.Simulator, installation, $"{subject}, {round}");
                section.Add(subject, $"median of {PerRound}", Figure.Percentile(overheads, 0.5), "ms", correctness, goal);
                section.Add(subject, $"99th percentile of {PerRound}", Figure.Percentile(overheads, 0.99), "ms", correctness);
            }
        }

        section.Add("embedded", "start of the process to ready", embedded.StartTime.TotalSeconds, "s", goal: "< 3 s");
        section.Add("on servers, everysec", "start of the process to ready", everySecond.StartTime.TotalSeconds, "s");
    }

    private static async Task<(List<double> OverheadsMs, Correctness Correctness)> SampleAsync(SimulatorProcess simulator, Installation installation, string name)
    {
        var overheads = new List<double>();
        var correctness = default(Correctness);
        for (var i = 0; i < PerRound; i++)
        {
            var work = new Workload($"{name}, {i}", 1);
            var body = work.BatchBody();
            await simulator.ClearLogAsync();
            var watch = Stopwatch.StartNew();
            var id = await installation.SubmitAsync(body);
            await installation.EndAsync(id, PollInterval);
            var elapsed = watch.Elapsed.TotalMilliseconds;
            var (start, end) = (await simulator.CallsAsync())[0];
            overheads.Add(elapsed - (end - start));
            correctness += work.CheckResults(await installation.ReadResultsAsync(id, 1_500)) + await simulator.CheckExecutionsAsync(1);
        }

        return (overheads, correctness);
    }
}
