using BatchBus.Worker.Execution;
using CsCheck;

namespace BatchBus.Worker.Tests.Execution;

public sealed class SlotQueueTests
{
    private static readonly Gen<(string Workspace, double Weight)[]> Workspaces = Gen.Select(Gen.Int[1, 5], Gen.Double[0.1, 10], (name, weight) => ($"w{name}", weight)).Array[1, 4];

    [Test]
    public async Task Slots_are_given_at_once_while_there_are_any_and_then_in_order_within_a_workspace()
    {
        var slots = new SlotQueue(2);
        await slots.TakeAsync("a", 1, CancellationToken.None);
        await slots.TakeAsync("a", 1, CancellationToken.None);
        var waiting = Enumerable.Range(0, 3).Select(_ => slots.TakeAsync("a", 1, CancellationToken.None)).ToList();

        for (var i = 0; i < 3; i++)
        {
            slots.Return();
            await waiting[i].WaitAsync(TimeSpan.FromSeconds(10));
            Assert.That(waiting.Skip(i + 1).All(slot => !slot.IsCompleted));
        }
    }

    [Test]
    public async Task A_request_that_gives_up_takes_no_slot_with_it()
    {
        var slots = new SlotQueue(1);
        await slots.TakeAsync("a", 1, CancellationToken.None);
        using var cancellation = new CancellationTokenSource();
        var givesUp = slots.TakeAsync("a", 1, cancellation.Token);
        var next = slots.TakeAsync("a", 1, CancellationToken.None);

        await cancellation.CancelAsync();
        Assert.That(async () => await givesUp, Throws.InstanceOf<OperationCanceledException>());
        slots.Return();
        await next.WaitAsync(TimeSpan.FromSeconds(10));
        slots.Return();

        Assert.That(slots.TakeAsync("a", 1, CancellationToken.None).IsCompletedSuccessfully, "the slot is free again");
    }

    [Test]
    public async Task A_workspace_with_one_request_does_not_wait_behind_a_workspace_with_many()
    {
        var slots = new SlotQueue(1);
        await slots.TakeAsync("large", 1, CancellationToken.None);
        var large = Enumerable.Range(0, 100).Select(_ => slots.TakeAsync("large", 1, CancellationToken.None)).ToList();
        for (var i = 0; i < 50; i++)
        {
            slots.Return();
        }

        var small = slots.TakeAsync("small", 1, CancellationToken.None);
        slots.Return();
        slots.Return();

        await small.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.That(large.Count(slot => !slot.IsCompleted), Is.GreaterThanOrEqualTo(48));
    }

    /// <summary>Weighted fair queueing: while all have work, nobody is ahead or behind by more than a turn of each.</summary>
    [Test]
    public void Whatever_the_weights_slots_are_shared_by_them()
        => Gen.Select(Workspaces, Gen.Int[1, 8]).Sample((given, count) =>
        {
            var workspaces = given.DistinctBy(workspace => workspace.Workspace).ToList();
            var slots = new SlotQueue(count);
            for (var i = 0; i < count; i++)
            {
                Assert.That(slots.TakeAsync("before", 1, CancellationToken.None).IsCompletedSuccessfully);
            }

            const int Turns = 300;
            var waiting = workspaces.ToDictionary(
                workspace => workspace.Workspace, workspace => Enumerable.Range(0, Turns).Select(_ => slots.TakeAsync(workspace.Workspace, workspace.Weight, CancellationToken.None)).ToList());
            for (var i = 0; i < Turns; i++)
            {
                slots.Return();
            }

            Assert.That(SpinWait.SpinUntil(() => waiting.Values.Sum(requests => requests.Count(slot => slot.IsCompleted)) == Turns, TimeSpan.FromSeconds(10)), "every slot was given to somebody");
            var total = workspaces.Sum(workspace => workspace.Weight);
            foreach (var (workspace, weight) in workspaces)
            {
                Assert.That(waiting[workspace].Count(slot => slot.IsCompleted), Is.EqualTo(Turns * weight / total).Within(1 + workspaces.Count), workspace);
            }
        });
}
