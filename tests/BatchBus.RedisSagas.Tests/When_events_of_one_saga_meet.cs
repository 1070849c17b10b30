using BatchBus.RedisSagas.SecondWriter;
using MassTransit;

namespace BatchBus.RedisSagas.Tests;

public sealed class When_events_of_one_saga_meet
{
    private const string KeyPrefix = nameof(When_events_of_one_saga_meet) + ":";
    private static readonly string Conflict = typeof(ConcurrencyException).FullName!;

    [Test]
    public async Task D_with_retry_all_increments_are_applied_exactly_once()
    {
        const int Increments = 300;
        await using var bus = await TallyBus.StartAsync(KeyPrefix);
        var id = Guid.NewGuid();
        await bus.AskAsync(new StartTally(id));

        await Task.WhenAll(Enumerable.Range(0, Increments).Select(_ => bus.AskAsync(new AddToTally(id))));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((await bus.LoadAsync(id))!.Total, Is.EqualTo(Increments));
            Assert.That(bus.Probe.Attempts, Is.GreaterThan(Increments + 1), "without a conflict this would prove nothing");
        }
    }

    [Test]
    public async Task D_without_retry_the_losers_fail_with_the_conflict_itself_and_nothing_is_lost()
    {
        await using var bus = await TallyBus.StartAsync<TallyStateMachine, WithoutRetry>(KeyPrefix);
        var id = Guid.NewGuid();
        await bus.AskAsync(new StartTally(id));

        var increments = bus.OutcomesAsync(Enumerable.Repeat(new AddToTally(id, Held: true), 8));
        await bus.Probe.HoldsAsync(8); // each has loaded the same version
        bus.Probe.Open();
        var outcomes = await increments;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcomes, Is.EquivalentTo(Enumerable.Repeat<string?>(Conflict, 7).Append(null)));
            Assert.That((await bus.LoadAsync(id))!.Total, Is.EqualTo(1));
        }
    }

    [Test]
    public async Task E_completing_a_saga_that_changed_meanwhile_is_refused_with_a_conflict()
    {
        await using var bus = await TallyBus.StartAsync<TallyStateMachine, WithoutRetry>(KeyPrefix);
        var id = Guid.NewGuid();
        await bus.AskAsync(new StartTally(id));

        var complete = bus.OutcomeAsync(new CompleteTally(id, Held: true));
        await bus.Probe.HoldsAsync(1);
        await bus.AskAsync(new AddToTally(id));
        bus.Probe.Open();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await complete, Is.EqualTo(Conflict));
            Assert.That((await bus.LoadAsync(id))!.Total, Is.EqualTo(1));
        }
    }

    [Test]
    public async Task F_updating_a_saga_that_completed_meanwhile_is_refused_with_a_conflict()
    {
        await using var bus = await TallyBus.StartAsync<TallyStateMachine, WithoutRetry>(KeyPrefix);
        var id = Guid.NewGuid();
        await bus.AskAsync(new StartTally(id));

        var add = bus.OutcomeAsync(new AddToTally(id, Held: true));
        await bus.Probe.HoldsAsync(1);
        await bus.AskAsync(new CompleteTally(id));
        bus.Probe.Open();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await add, Is.EqualTo(Conflict));
            Assert.That(await bus.LoadAsync(id), Is.Null);
        }
    }

    public sealed class WithoutRetry : TallyDefinition
    {
        protected override void ConfigureRetry(IRetryConfigurator retry) => retry.None();
    }
}
