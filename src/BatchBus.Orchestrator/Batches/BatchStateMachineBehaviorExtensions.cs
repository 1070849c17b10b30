using BatchBus.Contracts;
using BatchBus.Orchestrator.Dispatch;
using MassTransit;

namespace BatchBus.Orchestrator.Batches;

/// <summary>The verbs of <see cref="BatchStateMachine"/>.</summary>
internal static class BatchStateMachineBehaviorExtensions
{
    public static EventActivityBinder<BatchState, BatchSubmitted> Begin(
        this EventActivityBinder<BatchState, BatchSubmitted> binder, BatchExecution execution)
        => binder.ThenAsync(execution.BeginAsync);

    /// <summary>
    /// Takes a reported page off the list. A report that comes again finds it gone and sends the pages once more that its first
    /// arrival released: their messages may have been lost after the save. Pages that are reported by now are not among them, so no
    /// echo arises between saga and worker.
    /// </summary>
    public static EventActivityBinder<BatchState, RequestsCompleted> CompletePage(this EventActivityBinder<BatchState, RequestsCompleted> binder)
        => binder.ThenAsync(async context =>
        {
            var (saga, report) = (context.Saga, context.Message);
            if (!saga.Forget(report))
            {
                var origin = new PageOrigin(report.Lane, report.From);
                await context.SendPagesAsync(saga.Outstanding.Where(page => page.ReleasedBy == origin));
            }
        });

    /// <summary>Takes a reported page off the list of a batch that releases no more.</summary>
    public static EventActivityBinder<BatchState, RequestsCompleted> ForgetPage(this EventActivityBinder<BatchState, RequestsCompleted> binder)
        => binder.Then(context => context.Saga.Forget(context.Message));

    public static EventActivityBinder<BatchState, BatchSubmitted> ReemitFirstPages(this EventActivityBinder<BatchState, BatchSubmitted> binder)
        => binder.ThenAsync(context => context.SendPagesAsync(context.Saga.Outstanding.Where(page => page.ReleasedBy is null)));

    /// <summary>Releases pages up to the batch's window, at least one for each model that has work left.</summary>
    public static EventActivityBinder<BatchState, T> ReleasePages<T>(this EventActivityBinder<BatchState, T> binder, BatchExecution execution)
        where T : class
        => binder.ThenAsync(async context =>
        {
            var origin = context.Message is RequestsCompleted report ? new PageOrigin(report.Lane, report.From) : null;
            await context.SendPagesAsync(await execution.ReleaseAsync(context.Saga, origin, context.CancellationToken));
        });

    /// <summary>Closes the record and ends once every page is reported.</summary>
    public static EventActivityBinder<BatchState, T> EndWhenDrained<T>(
        this EventActivityBinder<BatchState, T> binder, BatchExecution execution, State ended)
        where T : class
        => binder.IfAsync(
            context => execution.CloseWhenDrainedAsync(context),
            closed => closed.TransitionTo(ended).AnnounceEnd(execution, isFirst: true));

    /// <summary>A cancel is what the record says, not what a message says.</summary>
    public static EventActivityBinder<BatchState, T> EnterCancelingWhenAsked<T>(
        this EventActivityBinder<BatchState, T> binder, BatchExecution execution, State canceling)
        where T : class
        => binder.IfAsync(execution.IsCancelAskedAsync, asked => asked.TransitionTo(canceling));

    /// <summary>Closes the record and ends when the batch was canceled or its window has passed, or when the record is closed already.</summary>
    public static EventActivityBinder<BatchState, T> EndWhenDue<T>(this EventActivityBinder<BatchState, T> binder, BatchExecution execution, State ended)
        where T : class
        => binder.IfAsync(
            execution.CloseWhenDueAsync,
            closed => closed.TransitionTo(ended).AnnounceEnd(execution, isFirst: true));

    public static EventActivityBinder<BatchState, T> AnnounceEnd<T>(this EventActivityBinder<BatchState, T> binder, BatchExecution execution, bool isFirst = false)
        where T : class
        => binder.ThenAsync(context => execution.AnnounceEndAsync(context, isFirst));

    public static EventActivityBinder<BatchState, BatchEnded> RecordAnnouncement(
        this EventActivityBinder<BatchState, BatchEnded> binder, BatchExecution execution)
        => binder.ThenAsync(context => execution.RecordAnnouncementAsync(context.Saga));

    public static EventActivityBinder<BatchState, ReconcileBatch> LeaveFleet(
        this EventActivityBinder<BatchState, ReconcileBatch> binder, BatchExecution execution)
        => binder.ThenAsync(context => execution.LeaveFleetAsync(context.Saga));

    public static async Task SendPagesAsync(this ConsumeContext context, IEnumerable<OutstandingPage> pages)
    {
        var saga = ((BehaviorContext<BatchState>)context).Saga;
        foreach (var page in pages.ToList())
        {
            await ModelQueue.SendAsync(context, saga, page, isLater: page.ReleasedBy is not null, context.CancellationToken);
        }
    }
}
