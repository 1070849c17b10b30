using BatchBus.Faults.Tests.Deployed;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Checks;

/// <summary>The calls that may be made again: those that a worker had open when it was killed, frozen or cut off.</summary>
public sealed class Waste(Deployment deployment)
{
    /// <summary>An answer on its way to a process that dies counts as open: the model cannot know that it was never kept.</summary>
    private static readonly TimeSpan OnItsWay = TimeSpan.FromMilliseconds(20);

    /// <summary>What a process needs to kill itself: the machine is busy, and code that never ran before is compiled first.</summary>
    private static readonly TimeSpan Dying = TimeSpan.FromMilliseconds(300);

    private readonly HashSet<(int, ulong, TimeSpan)> _calls = [];

    public IReadOnlySet<(int Worker, ulong Key, TimeSpan Start)> Calls => _calls;

    /// <summary>Kills a process and notes what it had open; only workers have anything.</summary>
    public async Task KillAsync(RoleProcess process)
    {
        var at = deployment.Witness.Now;
        process.Kill();
        if (WorkerOf(process) is { } worker)
        {
            await SettleAsync(worker);
            Note(worker, at);
        }
    }

    /// <summary>Notes what a worker had open that has died by itself. The breaking of its open calls tells when.</summary>
    public async Task NoteDeathAsync(RoleProcess process)
    {
        var worker = WorkerOf(process)!.Value;
        await SettleAsync(worker);
        var broken = deployment.Witness.CallsOf(worker).Where(call => call.Outcome is SimulatedOutcome.Canceled).ToList();
        Note(worker, broken.Count > 0 ? broken.Max(call => call.End!.Value) - Dying : deployment.Witness.Now - Dying);
    }

    /// <summary>Allows every call so far to be made again, where the scenario bounds them in another way.</summary>
    public void NoteAll() => _calls.UnionWith(deployment.Witness.Calls.Select(call => call.Id));

    /// <summary>Notes what a worker has open now, which somebody else may have to repeat.</summary>
    public void NoteOpen(RoleProcess process) => Note(WorkerOf(process)!.Value, deployment.Witness.Now);

    /// <summary>Notes what a worker began within a time, whatever came of it.</summary>
    public void NoteStarted(RoleProcess process, TimeSpan from, TimeSpan to)
        => _calls.UnionWith(deployment.Witness.CallsOf(WorkerOf(process)!.Value).Where(call => call.Start >= from && call.Start <= to).Select(call => call.Id));

    private int? WorkerOf(RoleProcess process)
    {
        var index = deployment.Workers.ToList().IndexOf(process);
        return index < 0 ? null : index;
    }

    private Task SettleAsync(int worker) => Eventually.ThatAsync(() => deployment.Witness.Open(worker) == 0, "the model has seen the connections break");

    private void Note(int worker, TimeSpan at)
        => _calls.UnionWith(deployment.Witness.CallsOf(worker).Where(call => !(call.End <= at - OnItsWay)).Select(call => call.Id));
}
