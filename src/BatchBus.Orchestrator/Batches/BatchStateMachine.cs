using BatchBus.Contracts;
using MassTransit;

namespace BatchBus.Orchestrator.Batches;

/// <summary>
/// The life of a batch. Pending: its first pages are released and none has come back. InProgress: pages come back and release the
/// next. Canceling: nothing more is released, what is in flight may still come in. Ended: the record is closed, results and counts
/// are final.
/// </summary>
internal sealed class BatchStateMachine : MassTransitStateMachine<BatchState>
{
    public BatchStateMachine(BatchExecution execution)
    {
        Event(() => BatchSubmitted, batch => batch.CorrelateById(context => context.Message.BatchId));
        Event(() => RequestsCompleted, batch =>
        {
            batch.CorrelateById(context => context.Message.BatchId);
            batch.OnMissingInstance(missing => missing.Discard());
        });
        Event(() => CancelBatch, batch =>
        {
            batch.CorrelateById(context => context.Message.BatchId);
            batch.OnMissingInstance(missing => missing.Discard());
        });
        Event(() => ReconcileBatch, batch =>
        {
            batch.CorrelateById(context => context.Message.BatchId);
            batch.OnMissingInstance(missing => missing.Discard());
        });
        Event(() => BatchEnded, batch =>
        {
            batch.CorrelateById(context => context.Message.BatchId);
            batch.OnMissingInstance(missing => missing.Discard());
        });

        InstanceState(batch => batch.CurrentState);

        Initially(
            When(BatchSubmitted)
                .IfElseAsync(
                    execution.IsStoredAsync,
                    stored => stored
                        .Begin(execution)
                        .TransitionTo(Pending)
                        .ReleasePages(execution)
                        .EndWhenDrained(execution, Ended),
                    gone => gone.Finalize()));

        During(
            Pending,
            When(BatchSubmitted)
                .ReemitFirstPages(),
            When(RequestsCompleted)
                .CompletePage()
                .TransitionTo(InProgress)
                .ReleasePages(execution)
                .EndWhenDrained(execution, Ended));

        During(
            InProgress,
            When(BatchSubmitted)
                .ReemitFirstPages(),
            When(RequestsCompleted)
                .CompletePage()
                .ReleasePages(execution)
                .EndWhenDrained(execution, Ended));

        During(
            Pending,
            InProgress,
            When(CancelBatch)
                .EnterCancelingWhenAsked(execution, Canceling)
                .EndWhenDue(execution, Ended),
            When(ReconcileBatch)
                .IfElseAsync(
                    execution.IsStoredAsync,
                    stored => stored
                        .EnterCancelingWhenAsked(execution, Canceling)
                        .EndWhenDue(execution, Ended)
                        .ReleasePages(execution)
                        .EndWhenDrained(execution, Ended),
                    deleted => deleted
                        .LeaveFleet(execution)
                        .Finalize()),

            // Only after the store has lost its last second: the end was announced, the saga is back before it and will come to it again.
            Ignore(BatchEnded));

        During(
            Canceling,
            When(RequestsCompleted)
                .ForgetPage()
                .EndWhenDue(execution, Ended),
            When(CancelBatch)
                .EndWhenDue(execution, Ended),
            When(ReconcileBatch)
                .IfElseAsync(
                    execution.IsStoredAsync,
                    stored => stored.EndWhenDue(execution, Ended),
                    deleted => deleted.Finalize()),

            // The pages that it would send again are not executed any more.
            Ignore(BatchSubmitted),

            // As above.
            Ignore(BatchEnded));

        During(
            Ended,
            When(BatchSubmitted)
                .AnnounceEnd(execution),
            When(RequestsCompleted)
                .AnnounceEnd(execution),
            When(ReconcileBatch)
                .IfElseAsync(
                    execution.IsStoredAsync,
                    stored => stored.AnnounceEnd(execution),
                    deleted => deleted.Finalize()),
            When(BatchEnded)
                .RecordAnnouncement(execution),

            // It came too late: the batch ended first, and how it ended stays.
            Ignore(CancelBatch));

        SetCompletedWhenFinalized();
    }

    /// <summary>Released, and nothing has come back.</summary>
    public State Pending { get; private set; } = null!;

    /// <summary>Pages come back and release the next.</summary>
    public State InProgress { get; private set; } = null!;

    /// <summary>Canceled; what is in flight may still come in.</summary>
    public State Canceling { get; private set; } = null!;

    /// <summary>Closed; results and counts are final.</summary>
    public State Ended { get; private set; } = null!;

    /// <summary>A batch is committed.</summary>
    public Event<BatchSubmitted> BatchSubmitted { get; private set; } = null!;

    /// <summary>A page has its results.</summary>
    public Event<RequestsCompleted> RequestsCompleted { get; private set; } = null!;

    /// <summary>A cancel has been recorded.</summary>
    public Event<CancelBatch> CancelBatch { get; private set; } = null!;

    /// <summary>The sweeper found something to do.</summary>
    public Event<ReconcileBatch> ReconcileBatch { get; private set; } = null!;

    /// <summary>Our own announcement has come back over the bus, so subscribers have it too.</summary>
    public Event<BatchEnded> BatchEnded { get; private set; } = null!;
}
