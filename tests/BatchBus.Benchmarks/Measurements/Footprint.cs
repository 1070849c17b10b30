using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Reporting;
using BatchBus.Benchmarks.Rivals;
using BatchBus.Benchmarks.Work;

namespace BatchBus.Benchmarks.Measurements;

/// <summary>What a request costs in processor time and in Redis, and how much memory the processes take.</summary>
internal static class Footprint
{
    public const string Title = "CPU, memory and Redis per request, 20 ms model, from submission to results read";

    public static async Task RunAsync(Benchmark benchmark)
    {
        var section = benchmark.Report.Begin(5, Title);
        await benchmark.Simulator.SetLatencyAsync(Throughput.Latency);
        for (var round = 1; benchmark.HasTimeFor(round, benchmark.IsLong ? 3 : 1); round++)
        {
            foreach (var count in benchmark.IsLong ? new[] { 20_000, 100_000 } : [100_000])
            {
                // New ones each time: the embedded mode keeps what it has executed in memory.
                await using (var everySecond = await benchmark.StartOnServersAsync("everysec", Throughput.Slots))
                {
                    Add(section, $"on servers, everysec, {count:#,0}", await everySecond.ExecuteAsync(new Workload($"footprint {count} {round}", count)));
                }

                await using var embedded = await benchmark.StartEmbeddedAsync(Throughput.Slots);
                Add(section, $"embedded, {count:#,0}", await embedded.ExecuteAsync(new Workload($"embedded footprint {count} {round}", count)));
            }

            var floor = await DirectCalls.RunAsync(benchmark.Simulator, new Workload($"footprint floor {round}", 20_000), Throughput.Slots);
            section.Add("floor: direct calls, 20,000", "CPU per request, caller", floor.Cpu.TotalMilliseconds / floor.Count, "ms", floor.Correctness);
        }
    }

    private static void Add(Section section, string subject, BatchRun run)
    {
        section.Add(subject, "CPU per request, all processes", run.CpuMilliseconds, "ms", run.Correctness, "< 0.3 ms");
        foreach (var (process, usage) in run.Usage)
        {
            section.Add(subject, $"CPU per request, {process}", usage.Cpu.TotalMilliseconds / run.Count, "ms");
        }

        foreach (var (process, usage) in run.Usage)
        {
            section.Add(subject, $"peak memory, {process}", usage.PeakResident / 1e6, "MB", goal: process == "batchbus" && run.Count == 100_000 ? "< 300 MB" : "");
        }

        if (run.RedisBytes != 0)
        {
            section.Add(subject, "bytes in Redis per request", (double)run.RedisBytes / run.Count, "B");
            section.Add(subject, "of which request and result as sent", (double)(run.BodyBytes + run.ResultBytes) / run.Count, "B");
        }
    }
}
