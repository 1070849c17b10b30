using BatchBus.Faults.Tests.Deployed;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Checks;

/// <summary>The calls that may be made again: those that a worker had open when it was killed, frozen or cut off.</summary>
public sealed class Waste(Deployment deployment, Func<IEnumerable<ObservedBatch>> batches)
{
    /// <summary>An answer on its way to a process that dies counts as open: the model cannot know that it was never kept.</summary>
    private static readonly TimeSpan OnItsWay = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// So long may an answer be with a worker, on a busy machine and in a process whose code is being compiled, before it is stored. Only
    /// answers that the store is seen not to have are excused by it.
    /// </summary>
    private static readonly TimeSpan BeingStored = TimeSpan.FromSeconds(1);

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
            Note(worker, at, await DurableAsync());
        }
    }

    /// <summary>Notes what a worker had open that has died by itself, just now or somewhat earlier.</summary>
    public async Task NoteDeathAsync(RoleProcess process)
    {
        var worker = WorkerOf(process)!.Value;
        await SettleAsync(worker);
        var last = deployment.Witness.CallsOf(worker).Select(call => call.End!.Value).DefaultIfEmpty(deployment.Witness.Now).Max();
        Note(worker, last, await DurableAsync());
    }

    /// <summary>Allows every call so far to be made again, where the scenario bounds them in another way.</summary>
    public void NoteAll() => _calls.UnionWith(deployment.Witness.Calls.Select(call => call.Id));

    /// <summary>Allows the calls of some requests to be made again, where the scenario has spoiled them.</summary>
    public void NoteRequests(IReadOnlySet<ulong> keys) => _calls.UnionWith(deployment.Witness.Calls.Where(call => keys.Contains(call.Key)).Select(call => call.Id));

    /// <summary>Notes what a worker has open now, which somebody else may have to repeat.</summary>
    public async Task NoteOpenAsync(RoleProcess process)
    {
        var at = deployment.Witness.Now;
        Note(WorkerOf(process)!.Value, at, await DurableAsync());
    }

    /// <summary>Notes what a worker began within a time, whatever came of it.</summary>
    public void NoteStarted(RoleProcess process, TimeSpan from, TimeSpan to)
        => _calls.UnionWith(deployment.Witness.CallsOf(WorkerOf(process)!.Value).Where(call => call.Start >= from && call.Start <= to).Select(call => call.Id));

    private int? WorkerOf(RoleProcess process)
    {
        var index = deployment.Workers.ToList().IndexOf(process);
        return index < 0 ? null : index;
    }

    private Task SettleAsync(int worker) => Eventually.ThatAsync(() => deployment.Witness.Open(worker) == 0, "the model has seen the connections break");

    private async Task<HashSet<ulong>> DurableAsync()
        => [.. (await Task.WhenAll(batches().Where(batch => batch.EndedAt is null).Select(batch => batch.DurableAsync()))).SelectMany(keys => keys)];

    private void Note(int worker, TimeSpan at, HashSet<ulong> durable)
        => _calls.UnionWith(deployment.Witness.CallsOf(worker)
            .Where(call => !(call.End <= at - OnItsWay) || (call.End > at - BeingStored && !durable.Contains(call.Key)))
            .Select(call => call.Id));
}
