using BatchBus.RedisSagas.SecondWriter;

namespace BatchBus.RedisSagas.Tests;

public sealed class When_a_saga_is_started_twice
{
    private const string KeyPrefix = nameof(When_a_saga_is_started_twice) + ":";

    [Test]
    public async Task B_parallel_initiating_messages_make_one_saga_that_handles_the_other()
    {
        await using var bus = await TallyBus.StartAsync(KeyPrefix);
        var id = Guid.NewGuid();
        var starts = Enumerable.Range(0, 4).Select(_ => bus.AskAsync(new StartTally(id, Held: true))).ToArray();
        await bus.Probe.HoldsAsync(4); // each has found no saga
        bus.Probe.Open();
        await Task.WhenAll(starts);

        Assert.That((await bus.LoadAsync(id))!.Starts, Is.EqualTo(4));
    }

    [Test]
    public async Task B_parallel_initiating_messages_that_insert_first_make_one_saga_too()
    {
        await using var bus = await TallyBus.StartAsync<InsertingTallyStateMachine, TallyDefinition>(KeyPrefix);
        var id = Guid.NewGuid();
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => bus.AskAsync(new StartTally(id))));

        Assert.That((await bus.LoadAsync(id))!.Starts, Is.EqualTo(16));
    }

    [Test]
    public async Task C_a_duplicate_initiating_message_does_not_reset_the_saga() => await DuplicateKeepsTotalAsync<TallyStateMachine>();

    [Test]
    public async Task C_a_duplicate_initiating_message_that_inserts_first_does_not_reset_the_saga() =>
        await DuplicateKeepsTotalAsync<InsertingTallyStateMachine>();

    private static async Task DuplicateKeepsTotalAsync<TMachine>()
        where TMachine : TallyStateMachine
    {
        await using var bus = await TallyBus.StartAsync<TMachine, TallyDefinition>(KeyPrefix);
        var id = Guid.NewGuid();
        await bus.AskAsync(new StartTally(id));
        await bus.AskAsync(new AddToTally(id));

        var answer = await bus.AskAsync(new StartTally(id));

        Assert.That(answer, Is.EqualTo(new TallyChanged(id, Total: 1, Starts: 2)));
    }

    public sealed class InsertingTallyStateMachine(TallyProbe probe) : TallyStateMachine(probe, insertOnInitial: true);
}
