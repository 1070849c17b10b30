using System.Diagnostics;
using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Reporting;
using BatchBus.Benchmarks.Work;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Storage.Schedule;
using StackExchange.Redis;

namespace BatchBus.Benchmarks.Measurements;

/// <summary>How fast the largest batches pass a process that has the role <c>api</c> alone, and by how much its memory rises.</summary>
internal static class Sizes
{
    public const string Title = "The largest batches through a process with the role api alone, everysec";

    private const int BlockBytes = 1 << 20;
    private const int StoresAtOnce = 4;

    private static readonly (string Name, SizedBatch Batch, int WarmUpCount)[] Shapes =
    [
        ("100,000 of 1.5 KB", new SizedBatch(100_000, 1_380, 1_200), 1_000),
        ("256 of 1 MB", new SizedBatch(256, 1_000_000, 1_000_000), 4),
        ("32 of 8 MB", new SizedBatch(32, 8_000_000, 8_000_000), 2),
    ];

    public static async Task RunAsync(Benchmark benchmark)
    {
        var section = benchmark.Report.Begin(8, Title);
        for (var round = 1; benchmark.HasTimeFor(round, benchmark.IsLong ? 3 : 1); round++)
        {
            foreach (var (name, batch, warmUpCount) in Shapes)
            {
                // A process for each, so that none profits from the memory that another has made it claim.
                await using var installation = await benchmark.StartColdOnServersAsync("everysec", slots: 1, ("BatchBus__Roles", "api"));
                await using var redis = await ConnectionMultiplexer.ConnectAsync(installation.Redis.ConnectionString);
                _ = await PassAsync(installation, redis, batch with { Count = warmUpCount });
                var baseline = ProcessTable.ResidentOf(installation.Processes["batchbus"]);
                var (intake, results, correctness) = await PassAsync(installation, redis, batch);
                Add("intake", intake, "≥ 40 MB/s");
                Add("results", results, "≥ 80 MB/s");

                void Add(string direction, Transfer transfer, string goal)
                {
                    section.Add(name, $"{direction}, bytes", transfer.Megabytes, "MB");
                    section.Add(name, direction, transfer.Megabytes / transfer.Time.TotalSeconds, "MB/s", correctness, goal);
                    section.Add(name, $"{direction}, CPU of batchbus per MB", transfer.Usage["batchbus"].Cpu.TotalMilliseconds / transfer.Megabytes, "ms");
                    section.Add(name, $"{direction}, CPU of redis per MB", transfer.Usage["redis"].Cpu.TotalMilliseconds / transfer.Megabytes, "ms");
                    section.Add(name, $"{direction}, rise of resident memory", (transfer.Usage["batchbus"].PeakResident - baseline) / 1e6, "MB", goal: "< 64 MB");
                }
            }
        }
    }

    private static async Task<(Transfer Intake, Transfer Results, Correctness Correctness)> PassAsync(
        Installation installation, ConnectionMultiplexer redis, SizedBatch batch)
    {
        var body = batch.Body();
        var (id, intake) = await MeasureAsync(() => installation.SubmitAsync(body), _ => body.Length);
        await StoreResultsAsync(redis, id, batch);
        var (results, download) = await MeasureAsync(() => installation.ReadResultsAsync(id, batch.Count * (batch.AnswerBytes + 500)), read => read.Length);
        return (intake, download, batch.Check(results.Span));

        async Task<(T Outcome, Transfer Transfer)> MeasureAsync<T>(Func<Task<T>> transfer, Func<T, int> size)
        {
            using var meter = new ProcessMeter(installation.Processes);
            var watch = Stopwatch.StartNew();
            var outcome = await transfer();
            var time = watch.Elapsed;
            return (outcome, new Transfer(size(outcome), time, await meter.StopAsync()));
        }
    }

    /// <summary>Does what workers and the orchestrator would have done.</summary>
    private static async Task StoreResultsAsync(ConnectionMultiplexer redis, string id, SizedBatch batch)
    {
        Expect(BatchId.TryParse(id, out var batchId));
        var store = new ResultStore(redis, new RequestStore(redis));
        var block = Math.Clamp(BlockBytes / batch.AnswerBytes, 1, ResultStore.MaxBlock);
        var starts = Enumerable.Range(0, (batch.Count + block - 1) / block).Select(number => number * block);
        await Parallel.ForEachAsync(starts, new ParallelOptions { MaxDegreeOfParallelism = StoresAtOnce }, async (start, _) =>
        {
            var results = Enumerable.Range(start, Math.Min(block, batch.Count - start)).Select(i => (i, batch.Result(i))).ToList();
            Expect(await store.StoreAsync(new Page(batchId, 0, start, results.Count), "benchmark", results) is StoreStatus.Stored);
        });
        var batches = new BatchStore(redis, new BatchSchedule(redis, TimeProvider.System), TimeProvider.System);
        Expect(await batches.CloseAsync(batchId, BatchEndReason.Completed) is CloseResult.Closed);

        void Expect(bool done)
        {
            if (!done)
            {
                throw new InvalidOperationException($"The results of {id} could not be stored.");
            }
        }
    }

    private readonly record struct Transfer(long Bytes, TimeSpan Time, IReadOnlyDictionary<string, ProcessUsage> Usage)
    {
        public double Megabytes => Bytes / 1e6;
    }
}
