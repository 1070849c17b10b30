using System.Diagnostics;
using BatchBus.Simulator;

namespace BatchBus.Faults.Tests.Checks;

/// <summary>The logs of all workers' models on one clock.</summary>
public sealed class Witness
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly IReadOnlyList<(SimulatorLog Log, TimeSpan Ahead)> _logs;

    public Witness(IReadOnlyList<SimulatorLog> logs) => _logs = [.. logs.Select(log => (log, Now - log.Now))];

    public TimeSpan Now => Stopwatch.GetElapsedTime(_started);

    /// <summary>A moment of the monotonic clock on the clock of <see cref="Now"/>.</summary>
    public TimeSpan At(long timestamp) => Stopwatch.GetElapsedTime(_started, timestamp);

    /// <summary>Every call so far.</summary>
    public IReadOnlyList<ModelCall> Calls => [.. Enumerable.Range(0, _logs.Count).SelectMany(CallsOf)];

    public int Open(int worker) => _logs[worker].Log.Open;

    public IReadOnlyList<ModelCall> CallsOf(int worker)
        => [.. _logs[worker].Log.Entries.Select(call => new ModelCall(worker, call.Key, call.Start + _logs[worker].Ahead, call.End + _logs[worker].Ahead, call.Outcome))];
}

/// <summary>One call that reached a model.</summary>
/// <param name="Worker">Who made it.</param>
/// <param name="Key">Which request it was for.</param>
/// <param name="Start">When it arrived, on the clock of <see cref="Witness.Now"/>.</param>
/// <param name="End">When it ended; null while it is open.</param>
/// <param name="Outcome">What became of it.</param>
public readonly record struct ModelCall(int Worker, ulong Key, TimeSpan Start, TimeSpan? End, SimulatedOutcome Outcome)
{
    public (int Worker, ulong Key, TimeSpan Start) Id => (Worker, Key, Start);

    public bool WasOpenAt(TimeSpan time) => Start <= time && !(End <= time);
}
