using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Reporting;
using BatchBus.Benchmarks.Rivals;
using BatchBus.Benchmarks.Work;

namespace BatchBus.Benchmarks.Measurements;

/// <summary>How many requests a second one batch makes from its submission to its end, and to having read its results.</summary>
internal static class Throughput
{
    public const string Title = "Rate of one batch at 256 in flight, 20 ms model";
    public const int Slots = 256;
    public static readonly TimeSpan Latency = TimeSpan.FromMilliseconds(20);

    private const int Rounds = 3;

    public static async Task RunAsync(Benchmark benchmark)
    {
        var section = benchmark.Report.Begin(1, Title);
        await benchmark.Simulator.SetLatencyAsync(Latency);
        await BullMq.InstallAsync();
        await using var everySecond = await benchmark.StartColdOnServersAsync("everysec", Slots);
        await using var always = await benchmark.StartColdOnServersAsync("always", Slots);
        for (var round = 1; benchmark.HasTimeFor(round, Rounds); round++)
        {
            await RunRoundAsync(benchmark, section, 20_000, round, everySecond, always);
            if (round == 1 || benchmark.IsLong)
            {
                await using var single = await benchmark.StartOnServersAsync("everysec", Slots, RivalRun.ShortWarmUpCount, ("BatchBus__Dispatch__MaxPageSize", "1"));
                Add(section, "BatchBus everysec, MaxPageSize 1", 20_000, await single.ExecuteAsync(Work(20_000, round, "single")));
            }
        }

        if (benchmark.IsLong)
        {
            for (var round = 1; benchmark.HasTimeFor(round, Rounds); round++)
            {
                await RunRoundAsync(benchmark, section, 100_000, round, everySecond, always);
            }
        }
    }

    private static async Task RunRoundAsync(Benchmark benchmark, Section section, int count, int round, Installation everySecond, Installation always)
    {
        var floor = await DirectCalls.RunAsync(benchmark.Simulator, Work(count, round, "floor"), Slots);
        Add(section, "floor: direct calls", floor);
        var batchBus = await everySecond.ExecuteWarmAsync(Work(count, round, "everysec"));
        Add(section, "BatchBus everysec", count, batchBus);
        var bullMq = await BullMq.RunAsync(benchmark.Simulator, everySecond.Redis, Work(count, round, "bullmq"), Slots);
        Add(section, "BullMQ everysec", bullMq);
        Add(section, "BatchBus always", count, await always.ExecuteWarmAsync(Work(count, round, "always")));
        if (round == 1 || benchmark.IsLong)
        {
            Add(section, "BullMQ always", await BullMq.RunAsync(benchmark.Simulator, always.Redis, Work(count, round, "bullmq always"), Slots));
        }

        section.Add($"BatchBus everysec ÷ BullMQ everysec, {count:#,0}", "to end", batchBus.RateToEnd / bullMq.RateToEnd, "×", goal: "≥ 2.5");
        section.Add($"BatchBus everysec ÷ floor, {count:#,0}", "to end", batchBus.RateToEnd / floor.RateToEnd, "×", goal: "≥ 0.5");
    }

    private static void Add(Section section, string subject, int count, BatchRun run)
    {
        section.Add($"{subject}, {count:#,0}", "to end", run.RateToEnd, "requests/s", run.Correctness);
        section.Add($"{subject}, {count:#,0}", "to results read", run.RateToRead, "requests/s", run.Correctness);
        section.Add($"{subject}, {count:#,0}", "CPU per request", run.CpuMilliseconds, "ms");
    }

    private static void Add(Section section, string subject, RivalRun run)
    {
        section.Add($"{subject}, {run.Count:#,0}", "to end", run.RateToEnd, "requests/s", run.Correctness);
        section.Add($"{subject}, {run.Count:#,0}", "to results read", run.RateToRead, "requests/s", run.Correctness);
    }

    private static Workload Work(int count, int round, string subject) => new($"{subject} {count} {round}", count);
}
