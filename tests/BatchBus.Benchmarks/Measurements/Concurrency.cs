using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Reporting;
using BatchBus.Benchmarks.Rivals;
using BatchBus.Benchmarks.Work;
using BatchBus.TestServers;

namespace BatchBus.Benchmarks.Measurements;

/// <summary>What the worker makes of an endpoint's slots: the rate where it knows them, and how it finds them where it does not.</summary>
internal static class Concurrency
{
    public const string Title = "Slots of an endpoint, 200 ms model: rate by protocol, and concurrency that is found";

    private const int Slots = 64;
    private const int FewSlots = 32;
    private const int Prefetch = 256;
    private const double Milliseconds = 200;
    private const double Tolerance = 0.2;
    private const string Endpoint = "slots";

    private static readonly TimeSpan Latency = TimeSpan.FromMilliseconds(Milliseconds);

    public static async Task RunAsync(Benchmark benchmark)
    {
        var section = benchmark.Report.Begin(9, Title);
        await FindAsync(benchmark, section);
        foreach (var (name, path, protocol) in new[] { ("OpenAi", "/openai/v1", "OpenAi"), ("RunPodJobs", "", "RunPodJobs") })
        {
            await benchmark.Simulator.ResetEndpointAsync(Endpoint);
            await benchmark.Simulator.SetLatencyAsync(TimeSpan.Zero);
            await using var installation = await StartAsync(benchmark, Slots, path, protocol);
            if (protocol == "OpenAi")
            {
                await installation.WarmUpAsync(RivalRun.ShortWarmUpCount);
            }

            await benchmark.Simulator.SetLatencyAsync(Latency);

            // RunPod takes 1,000 submissions in 10 s: more would only last longer.
            var count = (benchmark.IsLong, protocol) switch { (true, "OpenAi") => 10_000, (false, "RunPodJobs") => 1_000, _ => 4_000 };
            for (var round = 1; benchmark.HasTimeFor(round, benchmark.IsLong ? 3 : 1); round++)
            {
                var run = await installation.ExecuteAsync(new Workload($"slots {name} {round}", count));
                var calls = await benchmark.Simulator.CallsAsync();
                var full = RateWhileFull(calls, Slots);
                section.Add(name, "rate while all slots are full, of 320/s", 100 * full / (Slots * 1000 / Milliseconds), "%", run.Correctness, protocol == "OpenAi" ? "≥ 98 %" : "");
                section.Add(name, "submission to end", run.RateToEnd, "per second", run.Correctness);
            }
        }

        await benchmark.Simulator.ResetEndpointAsync(Endpoint);
    }

    private static Task<Installation> StartAsync(Benchmark benchmark, int slots, string path, string protocol) => benchmark.StartColdOnServersAsync(
        "everysec",
        slots,
        ("BatchBus__Models__mistral-7b__BaseUrl", $"{benchmark.Simulator.Url}/v2/{Endpoint}{path}"),
        ("BatchBus__Models__mistral-7b__Protocol", protocol));

    /// <summary>Prefetch far above what the endpoint runs at once: 64 slots, then 32, then 64 again.</summary>
    private static async Task FindAsync(Benchmark benchmark, Section section)
    {
        await benchmark.Simulator.ResetEndpointAsync(Endpoint);
        await benchmark.Simulator.SetLatencyAsync(TimeSpan.Zero);
        await using var installation = await StartAsync(benchmark, Prefetch, "/openai/v1", "OpenAi");
        await installation.WarmUpAsync(RivalRun.ShortWarmUpCount);
        await benchmark.Simulator.SetLatencyAsync(Latency);
        await benchmark.Simulator.SetEndpointAsync(Endpoint, $$"""{"max_concurrency":{{Slots}}}""");
        await benchmark.Simulator.ClearLogAsync();
        await installation.SubmitAsync(new Workload("slots that are found", 40_000).BatchBody());
        await Eventually.ThatAsync(async () => await NowAsync(benchmark) > 0, "the first call begins");
        var phaseLength = TimeSpan.FromSeconds(benchmark.IsLong ? 40 : 20);
        var changes = new List<(double At, int Slots)>();
        foreach (var slots in new[] { Slots, FewSlots, Slots })
        {
            await benchmark.Simulator.SetEndpointAsync(Endpoint, $$"""{"max_concurrency":{{slots}}}""");
            changes.Add((await NowAsync(benchmark), slots));
            await Task.Delay(phaseLength);
        }

        var end = await NowAsync(benchmark);
        var calls = await benchmark.Simulator.CallsAsync();
        var inFlight = InFlight(calls, changes[0].At, end);
        benchmark.Report.Plots["concurrency"] = Plot.DrawLine("Calls in flight by second; the endpoint runs as many as the thin line", inFlight, changes);
        for (var i = 0; i < changes.Count; i++)
        {
            var (from, slots) = changes[i];
            var to = i + 1 < changes.Count ? changes[i + 1].At : end;
            var phase = inFlight.Where(point => point.At >= from && point.At < to).ToList();
            var settled = phase.FindLastIndex(point => Math.Abs(point.Calls - slots) > Tolerance * slots) + 1;
            var subject = $"Prefetch {Prefetch}, phase {i + 1}: {slots} slots";
            section.Add(subject, "until within 20 % and staying so", settled, "s", goal: "≤ 30 s");
            if (settled < phase.Count)
            {
                section.Add(subject, "mean deviation after that", 100 * phase.Skip(settled).Average(point => Math.Abs(point.Calls - slots)) / slots, "%");
            }

            var done = calls.Count(call => call.EndMs >= from && call.EndMs < to);
            section.Add(subject, "rate against ideal, whole phase", 100 * done / (to - from) / (slots / Milliseconds), "%");
        }
    }

    /// <summary>The simulator's time now: the last beginning in its log.</summary>
    private static async Task<double> NowAsync(Benchmark benchmark)
    {
        var calls = await benchmark.Simulator.CallsAsync();
        return calls.Count == 0 ? 0 : calls.Max(call => call.StartMs);
    }

    /// <summary>Mean number of open calls in each second.</summary>
    private static List<(double At, double Calls)> InFlight(IReadOnlyList<(double StartMs, double EndMs)> calls, double from, double to)
    {
        var seconds = new double[Math.Max(1, (int)((to - from) / 1000))];
        foreach (var (start, callEnd) in calls)
        {
            var end = double.IsNaN(callEnd) ? to : callEnd;
            for (var i = Math.Max(0, (int)((start - from) / 1000)); i < seconds.Length && from + (i * 1000) < end; i++)
            {
                seconds[i] += Math.Max(0, Math.Min(end, from + ((i + 1) * 1000)) - Math.Max(start, from + (i * 1000))) / 1000;
            }
        }

        return [.. seconds.Select((open, i) => (from + (i * 1000), open))];
    }

    /// <summary>Ends per second between the first and the last moment in which all slots were taken.</summary>
    private static double RateWhileFull(IReadOnlyList<(double StartMs, double EndMs)> calls, int slots)
    {
        var (open, first, last) = (0, double.NaN, double.NaN);
        foreach (var (at, change) in calls.SelectMany(call => new[] { (call.StartMs, 1), (call.EndMs, -1) }).OrderBy(change => change))
        {
            open += change;
            if (open >= slots)
            {
                (first, last) = (double.IsNaN(first) ? at : first, at);
            }
        }

        return double.IsNaN(first) ? 1000 * calls.Count / (calls.Max(call => call.EndMs) - calls.Min(call => call.StartMs))
            : 1000 * calls.Count(call => call.EndMs > first && call.EndMs <= last) / (last - first);
    }
}
