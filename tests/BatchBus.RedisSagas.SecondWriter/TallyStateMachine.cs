using MassTransit;

namespace BatchBus.RedisSagas.SecondWriter;

/// <summary>The smallest saga that shows a lost update: its total counts the events that were applied.</summary>
public class TallyStateMachine : MassTransitStateMachine<TallyState>
{
    public TallyStateMachine(TallyProbe probe)
        : this(probe, insertOnInitial: false)
    {
    }

    protected TallyStateMachine(TallyProbe probe, bool insertOnInitial)
    {
        Event(() => Started, x =>
        {
            x.CorrelateById(context => context.Message.CorrelationId);
            x.InsertOnInitial = insertOnInitial;
        });
        Event(() => Added, x => x.CorrelateById(context => context.Message.CorrelationId));
        Event(() => Completed, x => x.CorrelateById(context => context.Message.CorrelationId));
        Event(() => Asked, x =>
        {
            x.CorrelateById(context => context.Message.CorrelationId);
            x.ReadOnly = true;
        });

        InstanceState(x => x.CurrentState);

        Initially(
            When(Started)
                .ThenAsync(x => probe.PassAsync(x.Message.Held))
                .Then(x => x.Saga.Starts++)
                .TransitionTo(Open)
                .Respond(Answer));

        During(Open,
            When(Started)
                .Then(x => x.Saga.Starts++)
                .Respond(Answer),
            When(Added)
                .ThenAsync(x => probe.PassAsync(x.Message.Held))
                .Then(x => x.Saga.Total++)
                .Respond(Answer),
            When(Completed)
                .ThenAsync(x => probe.PassAsync(x.Message.Held))
                .Respond(Answer)
                .Finalize(),
            When(Asked)
                .Then(x => x.Saga.Total += 1_000) // must not be stored: the event only reads
                .Respond(Answer));

        SetCompletedWhenFinalized();
    }

    public State Open { get; } = null!;

    public Event<StartTally> Started { get; } = null!;

    public Event<AddToTally> Added { get; } = null!;

    public Event<CompleteTally> Completed { get; } = null!;

    public Event<ReadTally> Asked { get; } = null!;

    private static TallyChanged Answer<T>(BehaviorContext<TallyState, T> context)
        where T : class =>
        new(context.Saga.CorrelationId, context.Saga.Total, context.Saga.Starts);
}
