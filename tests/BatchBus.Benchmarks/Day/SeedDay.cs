using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Reporting;
using BatchBus.Benchmarks.Rivals;
using BatchBus.Inference.Catalog;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Benchmarks.Day;

/// <summary>
/// A day's leads through the four stages, on simulated GPUs of published speed and a clock that runs faster: minutes and dollars by stage,
/// beside what managed models take for the same tokens.
/// </summary>
internal static class SeedDay
{
    private const int Leads = 5_000;
    private const double Scale = 12;

    // What the prompts ask for, in words, comes to about three quarters of what they allow.
    private const double AnswerLength = 0.75;

    private static readonly Gpu[] Gpus =
    [
        new("mistral-7b", "one RTX 4090", "rtx-4090-mistral-7b", SimulatedTokenRate.Rtx4090Mistral7B, 64, 120, 900),
        new("llama-70b", "two A100", "2xa100-llama-70b-fp8", SimulatedTokenRate.TwoA100Llama70BFp8, 32, 360, 1500),
    ];

    private static readonly string[] Managed = ["Claude Haiku 5.5", "Claude Haiku 4.5", "Claude Sonnet 5.5", "Claude Sonnet 4.x", "Claude Opus 5.5", "Claude Opus 4.5 to 5"];

    /// <summary>Returns the Markdown.</summary>
    public static async Task<string> RunAsync()
    {
        await using var rabbitMq = await RabbitMqServer.StartAsync();
        await using var simulator = await SimulatorProcess.StartAsync();
        var settings = new List<(string, string)>();
        foreach (var gpu in Gpus)
        {
            settings.Add(($"BatchBus__Models__{gpu.Model}__BaseUrl", $"{simulator.Url}/v2/{gpu.Model}/openai/v1"));
        }

        await using var installation = await Installation.StartOnServersAsync(simulator, rabbitMq, "everysec", Gpus[0].Slots, [.. settings]);

        // Unlike a day's, these seconds count twelvefold: code is compiled before they do.
        await installation.WarmUpAsync(RivalRun.ShortWarmUpCount);
        foreach (var gpu in Gpus)
        {
            await simulator.SetEndpointAsync(gpu.Model, string.Create(
                CultureInfo.InvariantCulture,
                $$$"""{"time_scale":{{{Scale}}},"token_rate":"{{{gpu.Preset}}}","answer_length":{{{AnswerLength}}},"workers":{"max":1,"concurrency":{{{gpu.Slots}}},"cold_start":"{{{gpu.ColdStart}}}s","idle_timeout":"3600s"}}"""));
        }

        var runs = new List<StageRun>();
        var awake = new HashSet<string>();
        var clock = Stopwatch.StartNew();
        foreach (var stage in LeadStage.All)
        {
            if (awake.Add(stage.Model))
            {
                // The first request starts the worker.
                await EndAsync(installation, stage, 1);
            }

            var began = clock.Elapsed;
            var (tokens, missing) = await EndAsync(installation, stage, Leads);
            var run = new StageRun(stage, Gpus.Single(gpu => gpu.Model == stage.Model), began * Scale, tokens.Ended * Scale, tokens.Input, tokens.Output);
            runs.Add(run);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{stage.Name}: {run.Time.TotalMinutes:0.0} minutes, {run.FullTime.TotalMinutes:0.0} with the GPU always full; {missing} not answered; load {Machine.Load:0.0}"));
        }

        return Write(runs);
    }

    private static async Task<((TimeSpan Ended, long Input, long Output) Tokens, int Missing)> EndAsync(Installation installation, LeadStage stage, int leads)
    {
        var body = stage.BatchBody(leads);
        var watch = Stopwatch.StartNew();
        var id = await installation.SubmitAsync(body);
        await installation.EndAsync(id);
        var ended = watch.Elapsed;
        long input = 0, output = 0;
        var answered = 0;
        foreach (var line in Encoding.UTF8.GetString((await installation.ReadResultsAsync(id, leads * 1_500)).Span).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            using var result = JsonDocument.Parse(line);
            if (result.RootElement.GetProperty("result").TryGetProperty("message", out var message))
            {
                var usage = message.GetProperty("usage");
                answered++;
                input += usage.GetProperty("input_tokens").GetInt64() + (usage.TryGetProperty("cache_read_input_tokens", out var cached) && cached.ValueKind == JsonValueKind.Number ? cached.GetInt64() : 0);
                output += usage.GetProperty("output_tokens").GetInt64();
            }
        }

        return ((ended, input, output), leads - answered);
    }

    private static string Write(List<StageRun> runs)
    {
        var prices = Managed.Select(name => ManagedPrices.Find($"{name} (batch)")!).ToList();
        var text = new StringBuilder();
        Line($"{Leads:#,0} leads, {Leads * runs.Count:#,0} requests, answers of {AnswerLength:0.##} of their `max_tokens`; one worker per model; the clock ran {Scale:0} times as fast; load of the machine {Machine.Load:0.0} at the end.");
        Line();
        Line($"| stage | on | input, output tokens | minutes | GPU always full | $ here | {string.Join(" | ", prices.Select(price => price.Name.Replace("Claude ", "", StringComparison.Ordinal).Replace(" (batch)", "", StringComparison.Ordinal)))} |");
        Line($"| --- | --- | ---: | ---: | ---: | ---: | {string.Join(" | ", prices.Select(_ => "---:"))} |");
        foreach (var gpu in Gpus.Reverse())
        {
            Row($"start of {gpu.Model}", gpu.Name, $"", gpu.ColdStart / 60.0, $"", gpu.ColdStart * gpu.Dollars, null);
        }

        foreach (var run in runs)
        {
            Row(run.Stage.Name, run.Stage.Model, $"{run.Input / 1e6:0.00} M, {run.Output / 1e6:0.00} M", run.Time.TotalMinutes, $"{run.FullTime.TotalMinutes:0.0}", run.Dollars, price => price.DollarsFor(run.Input, run.Output));
        }

        // From the end of a model's stage to the beginning of its next one; with the start of the other in between.
        var idle = Idle(runs);
        Row("idle, billed", "llama-70b", $"", idle / 60, $"", idle * Gpus[1].Dollars, null);
        var total = Total(runs, 1, gpu => gpu.ColdStart, idle);
        Line($"| **total** | | {runs.Sum(run => run.Input) / 1e6:0.00} M, {runs.Sum(run => run.Output) / 1e6:0.00} M | | | **{total:0.00}** | {string.Join(" | ", prices.Select(price => $"**{runs.Sum(run => price.DollarsFor(run.Input, run.Output)):0.00}**"))} |");
        Line();
        Line($"| case | $ here | dearer than |\n| --- | ---: | --- |");
        Case("as above", total, 1);
        Case("the 70B stops between its stages and starts again", Total(runs, 1, gpu => gpu.Model == "llama-70b" ? 2 * gpu.ColdStart : gpu.ColdStart, 0), 1);
        Case("both starts take as long as `RUNPOD_INIT_TIMEOUT` allows", Total(runs, 1, gpu => gpu.WorstStart, idle), 1);
        Case("both GPUs half as fast", Total(runs, 2, gpu => gpu.ColdStart, 2 * idle), 1);
        Case("half as fast and slow to start", Total(runs, 2, gpu => gpu.WorstStart, 2 * idle), 1);
        Case("500 leads instead of 5,000", Total(runs, 0.1, gpu => gpu.ColdStart, idle / 10), 0.1);
        Case("50 leads", Total(runs, 0.01, gpu => gpu.ColdStart, idle / 100), 0.01);
        Line();
        foreach (var gpu in Gpus)
        {
            var own = runs.Where(run => run.Gpu == gpu).ToList();
            var busy = own.Sum(run => run.Dollars);
            Line($"{gpu.Model} alone, start {(gpu.Model == "llama-70b" ? "and idle time " : "")}included, ${busy + (gpu.ColdStart * gpu.Dollars) + (gpu.Model == "llama-70b" ? idle * gpu.Dollars : 0):0.00}: {string.Join(", ", prices.Select(price => $"{price.Name} ${own.Sum(run => price.DollarsFor(run.Input, run.Output)):0.00}"))}.");
        }

        return text.ToString();

        void Line(FormattableString? line = null) => text.Append(line?.ToString(CultureInfo.InvariantCulture)).Append('\n');

        void Row(string name, string on, FormattableString tokens, double minutes, FormattableString full, double dollars, Func<ManagedPrice, decimal>? managed)
            => Line($"| {name} | {on} | {tokens.ToString(CultureInfo.InvariantCulture)} | {minutes:0.0} | {full.ToString(CultureInfo.InvariantCulture)} | {dollars:0.00} | {string.Join(" | ", prices.Select(price => managed is null ? "" : managed(price).ToString("0.00", CultureInfo.InvariantCulture)))} |");

        void Case(string name, double dollars, double leads)
        {
            var cheaper = prices.Where(price => (double)runs.Sum(run => price.DollarsFor(run.Input, run.Output)) * leads < dollars).Select(price => price.Name).ToList();
            Line($"| {name} | {dollars:0.00} | {(cheaper.Count == 0 ? "none" : string.Join(", ", cheaper))} |");
        }
    }

    private static double Idle(List<StageRun> runs) => (runs[3].Began - runs[0].Began - runs[0].Time).TotalSeconds;

    private static double Total(List<StageRun> runs, double slower, Func<Gpu, double> start, double idle)
        => runs.Sum(run => run.Dollars * slower) + Gpus.Sum(gpu => start(gpu) * gpu.Dollars) + (idle * Gpus[1].Dollars);

    /// <summary>A worker and what it costs.</summary>
    private sealed record Gpu(string Model, string Name, string Preset, SimulatedTokenRate Rate, int Slots, double ColdStart, double WorstStart)
    {
        /// <summary>US dollars for a second, as the catalogue has it.</summary>
        public double Dollars { get; } = PriceOf(Model);

        private static double PriceOf(string model)
        {
            var options = new ModelOptions();
            BuiltInModels.Configure(model, options);
            return (double)options.DollarsPerGpuSecond!.Value;
        }
    }

    /// <summary>What a stage took, on the clock of the GPUs.</summary>
    private sealed record StageRun(LeadStage Stage, Gpu Gpu, TimeSpan Began, TimeSpan Time, long Input, long Output)
    {
        public TimeSpan FullTime => TimeSpan.FromSeconds(Output / Gpu.Rate.TotalAt(Gpu.Slots));

        public double Dollars => Time.TotalSeconds * Gpu.Dollars;
    }
}
