using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Reporting;
using BatchBus.Benchmarks.Rivals;
using BatchBus.Benchmarks.Work;

namespace BatchBus.Benchmarks.Measurements;

/// <summary>Which share of the model's slots is busy while a batch is executed: what it leaves idle is a GPU that waits.</summary>
internal static class Utilisation
{
    public const string Title = "Utilisation of 64 slots, 200 ms model";

    private const int Slots = 64;

    private static readonly TimeSpan Latency = TimeSpan.FromMilliseconds(200);

    public static async Task RunAsync(Benchmark benchmark)
    {
        var section = benchmark.Report.Begin(2, Title);
        // Warm-up included: a model that becomes slower by orders of magnitude is not what is measured.
        await benchmark.Simulator.SetLatencyAsync(Latency);
        await using var everySecond = await benchmark.StartOnServersAsync("everysec", Slots, RivalRun.ShortWarmUpCount);
        await using var always = await benchmark.StartOnServersAsync("always", Slots, RivalRun.ShortWarmUpCount);
        var count = Slots * (benchmark.IsLong ? 200 : 50);
        for (var round = 1; benchmark.HasTimeFor(round, benchmark.IsLong ? 3 : 1); round++)
        {
            var floor = await DirectCalls.RunAsync(benchmark.Simulator, new Workload($"utilisation floor {round}", count), Slots, RivalRun.ShortWarmUpCount);
            await AddAsync("floor: direct calls", floor.Ended, floor.Correctness, "");
            var run = await everySecond.ExecuteAsync(new Workload($"utilisation everysec {round}", count));
            await AddAsync("BatchBus everysec", run.Ended, run.Correctness, "≥ 98 %");
            run = await always.ExecuteAsync(new Workload($"utilisation always {round}", count));
            await AddAsync("BatchBus always", run.Ended, run.Correctness, "≥ 98 %");
        }

        async Task AddAsync(string subject, TimeSpan ended, Correctness correctness, string goal)
        {
            var calls = await benchmark.Simulator.CallsAsync();
            var window = calls.Max(call => call.EndMs) - calls.Min(call => call.StartMs);
            section.Add(subject, "busy, first call to last", 100 * calls.Sum(call => call.EndMs - call.StartMs) / (Slots * window), "%", correctness, goal);
            section.Add(subject, "busy, submission to end", 100 * count * Latency.TotalMilliseconds / (Slots * ended.TotalMilliseconds), "%", correctness);
        }
    }
}
