using BatchBus.Contracts;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Worker.Leases;
using MassTransit;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace BatchBus.Worker.Execution;

/// <summary>Executes leased pages in the background, reports them, and hands them back when the worker stops.</summary>
internal sealed partial class PageExecutor(
    RequestStore requests,
    ResultStore results,
    PageStore pages,
    HeldPages held,
    IBus bus,
    CallTelemetry telemetry,
    IOptions<WorkerOptions> options,
    TimeProvider time,
    ILogger<PageExecutor> logger)
    : IHostedService, IDisposable
{
    /// <summary>A confirm of the broker can be lost with its connection, and whoever waits for it waits for ever.</summary>
    private static readonly TimeSpan LongestPublish = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopped = new();
    private bool _stopping;

    /// <summary>Begins to execute a page; false when it is being executed here already, or is handed back because the worker is stopping.</summary>
    public async ValueTask<bool> TryStartAsync(HeldPage page, PageLease lease, ModelWorker worker)
    {
        if (!held.TryAdd(page))
        {
            return false;
        }

        // After the page is listed: a stop either finds it in the list, or is seen here.
        if (Volatile.Read(ref _stopping))
        {
            held.Remove(page);
            await HandBackAsync(page.Page);
            return false;
        }

        _ = ExecuteAsync(page, lease, worker);
        return true;
    }

    /// <summary>Cancels the jobs that a worker which is gone had submitted for a page whose batch has stopped.</summary>
    public async Task AbandonAsync(Page page, ModelWorker worker, CancellationToken cancellationToken)
    {
        var jobs = await pages.JobsAsync(page);
        if (jobs.Count > 0)
        {
            await worker.CancelAsync(jobs.Values, cancellationToken);
            await pages.ForgetAsync(page);
        }
    }

    /// <summary>Reports a page whose requests all have results, by what is stored.</summary>
    public async Task ReportAsync(Page page, string model, CancellationToken cancellationToken)
    {
        var stored = await results.ReadAsync(page.BatchId, page.Lane, page.From, page.Count);
        await ReportAsync(page, model, stored.Select(entry => entry.Result), cancellationToken);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Lets open calls finish for a while, then hands back what is not finished.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        Volatile.Write(ref _stopping, true);
        foreach (var page in held.All)
        {
            page.Withdraw(HeldPageState.WorkerStopping);
        }

        var deadline = time.GetTimestamp();
        while (!held.IsEmpty && time.GetElapsedTime(deadline) < options.Value.StopGrace && !cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), time, CancellationToken.None);
        }

        await _stopped.CancelAsync();
        foreach (var page in held.All)
        {
            await HandBackAsync(page.Page);
        }
    }

    public void Dispose() => _stopped.Dispose();

    /// <summary>Lets others have a page at once. Where the store cannot be reached, its lease lapses by itself.</summary>
    private async Task HandBackAsync(Page page)
    {
        try
        {
            await pages.DeferAsync(page, held.Owner, TimeSpan.Zero, endpointFailed: true);
        }
        catch (Exception exception) when (exception is RedisException or RedisTimeoutException)
        {
            Log.NotHandedBack(logger, BatchId.Format(page.BatchId), page.Name, exception.GetType().Name);
        }
    }

    private async Task ExecuteAsync(HeldPage page, PageLease lease, ModelWorker worker)
    {
        var batchId = BatchId.Format(page.Page.BatchId);
        using var trace = PageTrace.Begin(page);
        using var scope = logger.BeginScope(new KeyValuePair<string, object>[] { new("BatchId", batchId) });
        try
        {
            await using var execution = new PageExecution(page, lease, held.Owner, worker, pages, requests, results, telemetry, time, logger);
            if (await execution.RunAsync(_stopped.Token))
            {
                await StoreRetry.RunAsync(() => execution.SoleAuthor ? CompactAndReportAsync(execution, page.Model) : ReportAsync(page.Page, page.Model, _stopped.Token), time, logger, _stopped.Token);
            }
            else if (page.State is HeldPageState.BatchStopped)
            {
                await execution.CancelJobsAsync(_stopped.Token);
                await StoreRetry.RunAsync(() => pages.ForgetAsync(page.Page), time, logger, _stopped.Token);
            }
            else if (page.State is not HeldPageState.Lost)
            {
                await StoreRetry.RunAsync(() => pages.DeferAsync(page.Page, held.Owner, TimeSpan.Zero, endpointFailed: true), time, logger, _stopped.Token);
            }
        }
        catch (OperationCanceledException) when (_stopped.IsCancellationRequested)
        {
            // The stop hands the page back.
            return;
        }
        catch (Exception exception)
        {
            Log.PageFailed(logger, batchId, page.Page.Name, exception);
        }

        held.Remove(page);
    }

    /// <summary>The page is forgotten only once its report is published: until then its lease leads back to it.</summary>
    private async Task ReportAsync(Page page, string model, IEnumerable<StoredResult> stored, CancellationToken cancellationToken)
    {
        await bus.Publish(
            new RequestsCompleted
            {
                BatchId = page.BatchId,
                Model = model,
                Lane = page.Lane,
                From = page.From,
                Count = page.Count,
                Requests = [.. stored.Select(result => Completed(result))],
            },
            cancellationToken).WaitAsync(LongestPublish, time, cancellationToken);
        await pages.ForgetAsync(page);
    }

    private async Task CompactAndReportAsync(PageExecution execution, string model)
    {
        await execution.CompactAsync();
        await ReportAsync(execution.Page, model, execution.Stored, _stopped.Token);
    }

    private static RequestCompleted Completed(in StoredResult result) => new()
    {
        Index = result.Index,
        CustomId = result.CustomId,
        Outcome = result.Outcome,
        InputTokens = result.InputTokens,
        CachedTokens = result.CachedTokens,
        OutputTokens = result.OutputTokens,
    };

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{BatchId}: page {Page} could not be handed back ({Error}); its lease lapses in seconds")]
        public static partial void NotHandedBack(ILogger logger, string batchId, string page, string error);

        [LoggerMessage(LogLevel.Error, "{BatchId}: page {Page} could not be executed; its lease lapses and it is tried again")]
        public static partial void PageFailed(ILogger logger, string batchId, string page, Exception exception);
    }
}
