using System.Diagnostics;
using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Work;

namespace BatchBus.Benchmarks.Measurements;

/// <summary>How long a small batch takes while a large one is being executed.</summary>
internal static class SmallBehindLarge
{
    public const string Title = "A batch of 10 behind one of 100,000, 20 ms model, 256 in flight, everysec";

    private const int Small = 10;
    private const int Large = 100_000;
    private const int Samples = 10;

    public static async Task RunAsync(Benchmark benchmark)
    {
        var section = benchmark.Report.Begin(7, Title);
        await benchmark.Simulator.SetLatencyAsync(Throughput.Latency);
        await using var installation = await benchmark.StartOnServersAsync("everysec", Throughput.Slots);
        await SampleAsync("alone");

        await benchmark.Simulator.ClearLogAsync();
        var large = new Workload("the large batch", Large);
        var watch = Stopwatch.StartNew();
        var id = await installation.SubmitAsync(large.BatchBody());
        await SampleAsync("behind the large one");
        if (await installation.HasEndedAsync(id))
        {
            section.Note("The large batch ended before the last small one: samples of this run do not all stand behind it.");
        }

        await installation.EndAsync(id);
        var seconds = watch.Elapsed.TotalSeconds;
        var correctness = large.CheckResults(await installation.ReadResultsAsync(id, Large * 1_500))
            + await benchmark.Simulator.CheckExecutionsAsync(Large + (Samples * Small));
        section.Add("the large one", "submission to end", seconds, "s", correctness);

        async Task SampleAsync(string where)
        {
            for (var i = 0; i < Samples; i++)
            {
                var small = new Workload($"small {where} {i}", Small);
                var body = small.BatchBody();
                var clock = Stopwatch.StartNew();
                var smallId = await installation.SubmitAsync(body);
                await installation.EndAsync(smallId);
                var elapsed = clock.Elapsed.TotalMilliseconds;
                section.Add(where, "submission to end", elapsed, "ms", small.CheckResults(await installation.ReadResultsAsync(smallId, Small * 1_500)));
            }
        }
    }
}
