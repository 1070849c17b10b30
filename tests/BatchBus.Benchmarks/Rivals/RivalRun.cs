using System.Text.Json;
using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Work;
using BatchBus.TestServers;

namespace BatchBus.Benchmarks.Rivals;

/// <summary>One execution of a workload by something else, in a process that measures itself: starting it and warming it up do not count.</summary>
/// <param name="Count">Number of requests.</param>
/// <param name="Ended">Until the last answer was there.</param>
/// <param name="Read">Until the answers were in the caller's hands.</param>
/// <param name="Cpu">Processor time of the process, without its servers.</param>
/// <param name="PeakBytes">Largest resident memory of the process.</param>
/// <param name="Correctness">What must be zero.</param>
internal sealed record RivalRun(int Count, TimeSpan Ended, TimeSpan Read, TimeSpan Cpu, long PeakBytes, Correctness Correctness)
{
    public const int WarmUpCount = 20_000;

    /// <summary>Where the model or one message per request bounds the rate, so that warmer code would change nothing.</summary>
    public const int ShortWarmUpCount = 3_000;

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(10);

    public double RateToEnd => Count / Ended.TotalSeconds;

    public double RateToRead => Count / Read.TotalSeconds;

    /// <summary>Starts the process, waits for it to end, and checks its answers.</summary>
    /// <param name="work">What it executes.</param>
    /// <param name="simulator">The model, whose log the process clears once it is warm.</param>
    /// <param name="start">Starts it, given the file for the answers.</param>
    public static async Task<RivalRun> OfAsync(Workload work, SimulatorProcess simulator, Func<string, Task<ChildProcess>> start)
    {
        var answers = Path.GetTempFileName();
        try
        {
            await using var process = await start(answers);
            await Eventually.ThatAsync(() => process.HasExited, $"{work.Name} is over", Deadline);
            var line = process.Output.Split('\n').LastOrDefault(text => text.StartsWith('{'))
                ?? throw new InvalidOperationException($"{work.Name} gave no figures:\n{process.Output}");
            var figures = JsonSerializer.Deserialize<Figures>(line, JsonSerializerOptions.Web)!;
            var correctness = work.CheckAnswers(await File.ReadAllBytesAsync(answers)) + await simulator.CheckExecutionsAsync(work.Count);
            return new RivalRun(
                work.Count, Milliseconds(figures.EndedMs), Milliseconds(figures.ReadMs), Milliseconds(figures.CpuMs), figures.PeakBytes, correctness);
        }
        finally
        {
            File.Delete(answers);
        }
    }

    private static TimeSpan Milliseconds(double value) => TimeSpan.FromMilliseconds(value);

    /// <summary>What such a process prints as one line of JSON.</summary>
    internal sealed record Figures(double EndedMs, double ReadMs, double CpuMs, long PeakBytes);
}
