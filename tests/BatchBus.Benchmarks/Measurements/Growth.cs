using System.Diagnostics;
using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Reporting;
using BatchBus.Benchmarks.Rivals;
using BatchBus.Benchmarks.Work;

namespace BatchBus.Benchmarks.Measurements;

/// <summary>Whether the rate holds as the work grows.</summary>
internal static class Growth
{
    public const string Title = "Rate to end as the work grows, 256 in flight, 20 ms model, everysec";
    public const string Subject = "BatchBus";
    public const string Floor = "floor: direct calls";

    private const int Batches = 10;
    private const int LargestBatch = 100_000;

    public static async Task RunAsync(Benchmark benchmark)
    {
        var section = benchmark.Report.Begin(6, Title);
        await benchmark.Simulator.SetLatencyAsync(Throughput.Latency);
        await using var everySecond = await benchmark.StartColdOnServersAsync("everysec", Throughput.Slots);
        for (var round = 1; benchmark.HasTimeFor(round, benchmark.IsLong ? 3 : 1); round++)
        {
            var rates = new Dictionary<int, double>();
            foreach (var count in new[] { 1_000, 10_000, LargestBatch })
            {
                var floor = await DirectCalls.RunAsync(benchmark.Simulator, new Workload($"growth floor {count} {round}", count), Throughput.Slots);
                section.Add(Floor, $"{count:#,0}", floor.RateToEnd, "requests/s", floor.Correctness);
                var run = await everySecond.ExecuteWarmAsync(new Workload($"growth {count} {round}", count));
                section.Add(Subject, $"{count:#,0}", run.RateToEnd, "requests/s", run.Correctness);
                rates[count] = run.RateToEnd;
            }

            section.Add(Subject, "100,000 ÷ 10,000", rates[LargestBatch] / rates[10_000], "×", goal: "0.9 – 1.1");
        }

        if (benchmark.IsLong)
        {
            await RunMillionAsync(benchmark, section, everySecond);
        }
    }

    private static async Task RunMillionAsync(Benchmark benchmark, Section section, Installation installation)
    {
        var works = Enumerable.Range(0, Batches).Select(i => new Workload($"growth, part {i}", LargestBatch)).ToList();
        await benchmark.Simulator.ClearLogAsync();
        var watch = Stopwatch.StartNew();
        var ids = new List<string>();
        foreach (var work in works)
        {
            ids.Add(await installation.SubmitAsync(work.BatchBody()));
        }

        foreach (var id in ids)
        {
            await installation.EndAsync(id);
        }

        var rate = Batches * LargestBatch / watch.Elapsed.TotalSeconds;
        var correctness = await benchmark.Simulator.CheckExecutionsAsync(Batches * LargestBatch);
        for (var i = 0; i < Batches; i++)
        {
            correctness += works[i].CheckResults(await installation.ReadResultsAsync(ids[i], LargestBatch * 1_500));
        }

        section.Add(Subject, "1,000,000 as ten batches", rate, "requests/s", correctness);
    }
}
