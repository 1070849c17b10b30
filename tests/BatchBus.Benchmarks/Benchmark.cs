using System.Diagnostics;
using BatchBus.Benchmarks.Processes;
using BatchBus.Benchmarks.Reporting;
using BatchBus.Benchmarks.Rivals;
using BatchBus.TestServers;

namespace BatchBus.Benchmarks;

/// <summary>What all measurements of a run have in common: the broker, the model, the report and the time that is left.</summary>
internal sealed class Benchmark(RabbitMqServer rabbitMq, SimulatorProcess simulator, Report report, bool isLong, TimeSpan limit)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private TimeSpan _pause;

    public SimulatorProcess Simulator => simulator;

    public Report Report => report;

    /// <summary>Whether there is time for more samples and for the larger sizes.</summary>
    public bool IsLong => isLong;

    /// <summary>Whether the measurement that runs begins another round: the first always, the others within its share of the time.</summary>
    public bool HasTimeFor(int round, int rounds) => round == 1 || (round <= rounds && _watch.Elapsed < _pause);

    /// <summary>Runs a measurement; false when the time of the run was over before its end.</summary>
    /// <param name="measure">The measurement.</param>
    /// <param name="share">Its share of the time that is left.</param>
    public async Task<bool> FinishesAsync(Func<Benchmark, Task> measure, double share)
    {
        var left = limit - _watch.Elapsed;
        _pause = _watch.Elapsed + (left * share);
        try
        {
            if (left > TimeSpan.Zero)
            {
                await measure(this).WaitAsync(left);
                return true;
            }
        }
        catch (TimeoutException) when (_watch.Elapsed >= limit)
        {
            // What it has measured so far stays in the report; its processes end with this one.
        }

        return false;
    }

    /// <summary>BatchBus on RabbitMQ and on a Redis of its own, warmed up.</summary>
    public Task<Installation> StartOnServersAsync(string appendFsync, int slots) => StartOnServersAsync(appendFsync, slots, RivalRun.WarmUpCount);

    /// <summary>BatchBus on RabbitMQ and on a Redis of its own, warmed up with fewer requests where so many would take long.</summary>
    public async Task<Installation> StartOnServersAsync(string appendFsync, int slots, int warmUp, params (string Name, string Value)[] settings)
    {
        var installation = await Installation.StartOnServersAsync(simulator, rabbitMq, appendFsync, slots, settings);
        await installation.WarmUpAsync(warmUp);
        return installation;
    }

    /// <summary>BatchBus on RabbitMQ and on a Redis of its own, not warmed up.</summary>
    public Task<Installation> StartColdOnServersAsync(string appendFsync, int slots, params (string Name, string Value)[] settings)
        => Installation.StartOnServersAsync(simulator, rabbitMq, appendFsync, slots, settings);

    /// <summary>BatchBus in one process, warmed up.</summary>
    public async Task<Installation> StartEmbeddedAsync(int slots)
    {
        var installation = await Installation.StartEmbeddedAsync(simulator, slots);
        await installation.WarmUpAsync();
        return installation;
    }
}
