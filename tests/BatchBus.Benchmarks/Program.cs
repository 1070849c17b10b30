using System.Globalization;
using BatchBus.Benchmarks;
using BatchBus.Benchmarks.Day;
using BatchBus.Benchmarks.Measurements;
using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Reporting;
using BatchBus.Benchmarks.Rivals;
using BatchBus.Benchmarks.Work;
using BatchBus.TestServers;

const string Usage = "Usage: BatchBus.Benchmarks short|long [--only 1,3] [--output folder], or BatchBus.Benchmarks day";

// Number, title, weight in the division of the time, and the measurement itself.
Dictionary<int, (string Title, double Weight, Func<Benchmark, Task> Run)> measurements = new()
{
    [1] = (Throughput.Title, 4, Throughput.RunAsync),
    [2] = (Utilisation.Title, 1, Utilisation.RunAsync),
    [3] = (Overhead.Title, 1, Overhead.RunAsync),
    [4] = (Streaming.Title, 1.5, Streaming.RunAsync),
    [5] = (Footprint.Title, 1.5, Footprint.RunAsync),
    [6] = (Growth.Title, 2, Growth.RunAsync),
    [7] = (Fairness.Title, 1.5, Fairness.RunAsync),
    [8] = (Sizes.Title, 2, Sizes.RunAsync),
    [9] = (Concurrency.Title, 2.5, Concurrency.RunAsync),
};

// The first three are this program in the part of the model and of the floors, as processes of their own.
return args switch
{
    [SimulatorProcess.Command, var url] => await ServeModelAsync(url),
    [BareServer.Command, var url] => await ServeBytesAsync(url),
    [DirectCalls.Command, var url, var name, var count, var characters, var concurrency, var warmUp, var answers] =>
        await CallAsync(url, new Workload(name, Number(count), Number(characters)), Number(concurrency), Number(warmUp), answers),
    ["day"] => await WriteDayAsync(),
    ["short" or "long", .. var options] when Options.TryParse(options, measurements.Keys, out var chosen) => await MeasureAsync(args[0], chosen),
    _ => Fail(Usage),
};

async Task<int> MeasureAsync(string form, Options options)
{
    var isLong = form == "long";
    var limit = TimeSpan.FromMinutes(isLong ? 40 : 10);
    var report = new Report(form);
    await using (var rabbitMq = await RabbitMqServer.StartAsync())
    await using (var simulator = await SimulatorProcess.StartAsync())
    {
        var benchmark = new Benchmark(rabbitMq, simulator, report, isLong, limit);
        foreach (var number in options.Only)
        {
            var (title, weight, run) = measurements[number];
            var weightLeft = options.Only.SkipWhile(other => other != number).Sum(other => measurements[other].Weight);
            if (!await benchmark.FinishesAsync(run, share: weight / weightLeft))
            {
                report.Begin(number, title).Note("Not finished: the time of the run was over.");
            }
        }
    }

    var date = DateOnly.FromDateTime(TimeProvider.System.GetLocalNow().DateTime);
    var table = report.ToMarkdown(date);
    Console.WriteLine(table);
    if (options.Output is { } folder)
    {
        var file = Path.Combine(Directory.CreateDirectory(folder).FullName, string.Create(CultureInfo.InvariantCulture, $"{date:yyyy-MM-dd}-{form}"));
        await File.WriteAllTextAsync($"{file}.md", table);
        if (Plot.Draw(report) is { } plot)
        {
            await File.WriteAllTextAsync($"{file}.svg", plot);
        }

        foreach (var (name, svg) in report.Plots)
        {
            await File.WriteAllTextAsync($"{file}-{name}.svg", svg);
        }
    }

    return report.IsClean ? 0 : Fail("Results were lost, doubled or misplaced: see the L/D/M column.");
}

static async Task<int> WriteDayAsync()
{
    Console.WriteLine(await SeedDay.RunAsync().WaitAsync(TimeSpan.FromMinutes(10)));
    return 0;
}

static async Task<int> ServeModelAsync(string url)
{
    await SimulatorProcess.ServeAsync(url);
    return 0;
}

static async Task<int> ServeBytesAsync(string url)
{
    await BareServer.ServeAsync(url);
    return 0;
}

static async Task<int> CallAsync(string url, Workload work, int concurrency, int warmUp, string answers)
{
    await DirectCalls.ExecuteAsync(url, work, concurrency, warmUp, answers);
    return 0;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static int Fail(string message)
{
    Console.Error.WriteLine(message);
    return 1;
}
