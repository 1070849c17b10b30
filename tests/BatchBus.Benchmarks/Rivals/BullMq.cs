using System.Globalization;
using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Work;
using BatchBus.TestServers;
using StackExchange.Redis;

namespace BatchBus.Benchmarks.Rivals;

/// <summary>What a Node team would pick: a BullMQ flow on the same Redis, in the database beside BatchBus' own; see bullmq/flow.mjs.</summary>
internal static class BullMq
{
    private const int Database = 1;

    public static async Task<RivalRun> RunAsync(SimulatorProcess simulator, RedisServer redis, Workload work, int concurrency)
    {
        var requests = Path.GetTempFileName();
        try
        {
            await using (var file = File.Create(requests))
            {
                work.WriteJsonLines(file);
            }

            var program = Path.Combine(AppContext.BaseDirectory, "bullmq", "flow.mjs");
            return await RivalRun.OfAsync(work, simulator, answers => ChildProcess.StartAsync(
                "node", [program, redis.Port.ToString(CultureInfo.InvariantCulture), simulator.Url, requests, concurrency.ToString(CultureInfo.InvariantCulture), answers]));
        }
        finally
        {
            File.Delete(requests);
            await using var client = await ConnectionMultiplexer.ConnectAsync($"{redis.ConnectionString},allowAdmin=true");
            await client.GetServers()[0].FlushDatabaseAsync(Database);
        }
    }

    /// <summary>Installs the pinned packages beside the program, unless they are there.</summary>
    public static async Task InstallAsync()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "bullmq");
        if (Directory.Exists(Path.Combine(folder, "node_modules")))
        {
            return;
        }

        await using var npm = await ChildProcess.StartAsync("npm", ["install", "--no-save", "--ignore-scripts", "--prefix", folder]);
        await Eventually.ThatAsync(() => npm.HasExited, "npm has installed BullMQ", TimeSpan.FromMinutes(3));
        if (!Directory.Exists(Path.Combine(folder, "node_modules", "bullmq")))
        {
            throw new InvalidOperationException($"npm did not install BullMQ:\n{npm.Output}");
        }
    }
}
