using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Reporting;
using BatchBus.Benchmarks.Rivals;
using BatchBus.Benchmarks.Work;

namespace BatchBus.Benchmarks.Measurements;

/// <summary>How fast a large batch gets in and its results get out, and what memory that takes.</summary>
internal static class Streaming
{
    public const string Title = "Intake and results of 100,000 requests of about 1.5 KB";

    private const int PromptCharacters = 1_300;

    public static async Task RunAsync(Benchmark benchmark)
    {
        var section = benchmark.Report.Begin(4, Title);
        await benchmark.Simulator.SetLatencyAsync(TimeSpan.Zero);
        await using var bare = await BareServer.StartAsync();
        await using var everySecond = await benchmark.StartOnServersAsync("everysec", Throughput.Slots);
        await using var always = benchmark.IsLong ? await benchmark.StartOnServersAsync("always", Throughput.Slots) : null;
        for (var round = 1; benchmark.HasTimeFor(round, benchmark.IsLong ? 3 : 1); round++)
        {
            var work = new Workload($"streaming {round}", 100_000, PromptCharacters);
            await AddAsync("BatchBus everysec", everySecond, work);
            if (always is not null)
            {
                await AddAsync("BatchBus always", always, work);
            }
        }

        async Task AddAsync(string subject, Installation installation, Workload work)
        {
            var run = await installation.ExecuteAsync(work);
            var (taken, sent) = (await bare.SendAsync(work.BatchBody()), await bare.ReceiveAsync(run.ResultBytes));
            section.Add("floor: a bare Kestrel that discards and invents", "intake", MegabytesPerSecond(run.BodyBytes, taken), "MB/s");
            section.Add("floor: a bare Kestrel that discards and invents", "results", MegabytesPerSecond(run.ResultBytes, sent), "MB/s");
            section.Add(subject, "intake", MegabytesPerSecond(run.BodyBytes, run.Accepted), "MB/s", run.Correctness);
            section.Add(subject, "results", MegabytesPerSecond(run.ResultBytes, run.Read - run.Ended), "MB/s", run.Correctness);
            section.Add(subject, "size of the body", run.BodyBytes / 1e6, "MB");
            section.Add(subject, "size of the results", run.ResultBytes / 1e6, "MB");
            foreach (var (process, usage) in run.Usage)
            {
                section.Add(subject, $"peak memory, {process}", usage.PeakResident / 1e6, "MB", goal: process == "batchbus" ? "< 300 MB" : "");
            }
        }
    }

    private static double MegabytesPerSecond(long bytes, TimeSpan time) => bytes / 1e6 / time.TotalSeconds;
}
