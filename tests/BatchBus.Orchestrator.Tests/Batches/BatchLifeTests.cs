using System.Collections.Concurrent;
using BatchBus.Contracts;
using CsCheck;
using NUnit.Framework.Internal;

namespace BatchBus.Orchestrator.Tests.Batches;

/// <summary>
/// Random lives of a batch through saga, store and scripts: requests that complete, cancels, expiry, deletion, and messages that come out
/// of order, twice, late or never.
/// </summary>
public sealed class BatchLifeTests
{
    private const int Lives = 10_000;

    /// <summary>As many databases as Redis has when nothing is said; each has one life at a time.</summary>
    private const int AtOnce = 16;

    private static readonly Gen<int> Any = Gen.Int[0, 1000];

    private static readonly Gen<Step> Steps = Gen.Frequency<Step>(
        (8, Any.Select(Step (pick) => new Deliver(pick))),
        (6, Gen.Select(Any, Gen.Int[0, 2], Gen.Bool).Select(Step (pick, leaveOut, errored) => new Execute(pick, leaveOut, errored))),
        (4, Any.Select(Step (pick) => new DeliverAgain(pick))),
        (1, Gen.Select(Any, Gen.Bool).Select(Step (pick, lapses) => new Lease(pick, lapses))),
        (1, Any.Select(Step (pick) => new ReportUnexecuted(pick))),
        (1, Gen.Const<Step>(new Cancel())),
        (2, Gen.OneOf(TimeSpan.FromSeconds(6), TimeSpan.FromSeconds(61), BatchLife.Window).Select(Step (time) => new Pass(time))),
        (2, Gen.Const<Step>(new Visit())),
        (1, Gen.Select(Gen.OneOf(Enum.GetValues<BatchEndReason>()), Gen.Bool).Select(Step (reason, force) => new CloseAndCrash(reason, force))),
        (1, Gen.Const<Step>(new Delete())));

    private static readonly Gen<Script> Scripts = Gen.Select(
        Gen.Select(Gen.Int[1, 5], Gen.Int[0, 3], Gen.Int[0, 1], Gen.OneOf(0, 1, 4)),
        Steps.Array[2, 14],
        Gen.OneOf(Enum.GetValues<BatchEndReason>()),
        Steps.Array[1, 4],
        Steps.Array[1, 3]).Select((size, steps, ending, late, afterDeletion) => new Script(size.Item1, size.Item2, size.Item3, size.Item4, steps, ending, late, afterDeletion));

    [Test]
    public async Task However_events_interleave_counts_sum_states_move_forward_an_ended_batch_never_changes_and_a_deleted_one_stays_gone()
    {
        var buses = new ConcurrentBag<HeldBus>(await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(Servers.StartHeldBusAsync)));
        var seen = new ConcurrentDictionary<string, int>();
        try
        {
            await Scripts.SampleAsync(
                async script =>
                {
                    // CsCheck looks for the smallest failure and tells of that one only.
                    using var alone = new TestExecutionContext.IsolatedContext();
                    if (!buses.TryTake(out var bus))
                    {
                        throw new InvalidOperationException("More lives at once than there are databases.");
                    }

                    try
                    {
                        var life = await BatchLife.BeginAsync(bus, script);
                        await life.LiveAsync(script);
                        seen.AddOrUpdate(life.Story, 1, (_, lives) => lives + 1);
                    }
                    finally
                    {
                        await Servers.EmptyAsync(bus);
                        buses.Add(bus);
                    }
                },
                iter: Lives,
                threads: AtOnce);
        }
        finally
        {
            foreach (var bus in buses)
            {
                await bus.DisposeAsync();
            }
        }

        TestContext.Out.WriteLine(string.Join(Environment.NewLine, seen.OrderByDescending(story => story.Value).Select(story => $"{story.Value} {story.Key}")));
        Assert.That(seen.Values.Sum(), Is.AtLeast(Lives));
        Assert.That(
            Enum.GetValues<BatchEndReason>().Select(reason => seen.Where(story => story.Key.StartsWith($"{reason}", StringComparison.Ordinal)).Sum(story => story.Value)),
            Is.All.GreaterThan(Lives / 20),
            "every ending is met often");
    }

    /// <summary>What happens to one batch.</summary>
    /// <param name="Requests">Requests of its first lane.</param>
    /// <param name="Others">Requests for a second model.</param>
    /// <param name="Unroutable">Requests that are routed nowhere.</param>
    /// <param name="Slots">What the only worker of either model reports; 0 where none has reported.</param>
    /// <param name="Steps">Until it is brought to its end.</param>
    /// <param name="Ending">How it is brought to its end, unless it has come to one before.</param>
    /// <param name="Late">After its end.</param>
    /// <param name="AfterDeletion">After it was deleted.</param>
    internal sealed record Script(int Requests, int Others, int Unroutable, int Slots, Step[] Steps, BatchEndReason Ending, Step[] Late, Step[] AfterDeletion)
    {
        public override string ToString() => $"""
            {Requests} requests, {Others} for another model, {Unroutable} unroutable, {Slots} slots
            {string.Join(Environment.NewLine, Steps.AsEnumerable())}
            -- brought to its end: {Ending} --
            {string.Join(Environment.NewLine, Late.AsEnumerable())}
            -- deleted --
            {string.Join(Environment.NewLine, AfterDeletion.AsEnumerable())}
            """;
    }

    internal abstract record Step;

    /// <summary>One of the messages that are under way arrives.</summary>
    internal sealed record Deliver(int Pick) : Step;

    /// <summary>A message that has arrived before arrives once more.</summary>
    internal sealed record DeliverAgain(int Pick) : Step;

    /// <summary>A worker stores results of a page that was sent at any time, and reports it once all are there.</summary>
    internal sealed record Execute(int Pick, int LeaveOut, bool Errored) : Step;

    /// <summary>A page is reported whose results the store has lost.</summary>
    internal sealed record ReportUnexecuted(int Pick) : Step;

    internal sealed record Lease(int Pick, bool Lapses) : Step;

    internal sealed record Cancel : Step;

    internal sealed record Pass(TimeSpan Time) : Step;

    /// <summary>The sweeper looks at the batch.</summary>
    internal sealed record Visit : Step;

    /// <summary>An orchestrator closes the record and dies before it has saved the saga; the reason is what it would be, or any once the record is closed.</summary>
    internal sealed record CloseAndCrash(BatchEndReason Reason, bool Force) : Step;

    /// <summary>The owner deletes it, which takes effect only once it has ended.</summary>
    internal sealed record Delete : Step;
}
