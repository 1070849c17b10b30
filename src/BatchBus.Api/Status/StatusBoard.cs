using System.Collections.Concurrent;
using System.Globalization;
using BatchBus.Api.Batches.Follow;
using BatchBus.Api.Usage;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Resilience;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Endpoints;
using BatchBus.Storage.Fleet;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using StackExchange.Redis;

namespace BatchBus.Api.Status;

/// <summary>
/// Puts the status of a workspace together. However many look at it, it is read once a second, and more rarely where that takes long;
/// the rates are seen from one reading to the next.
/// </summary>
internal sealed class StatusBoard(
    BacklogReader backlog,
    FleetStore fleet,
    EndpointStore endpoints,
    UsageReports usage,
    UsagePrices prices,
    ModelCatalog catalog,
    HealthCheckService health,
    TimeProvider time)
{
    private const int MostBatches = 50;

    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(3);

    /// <summary>A reading that takes longer has failed: the page shows what it knew, and why it knows no more.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly ConcurrentDictionary<string, Watch> _watches = new();

    /// <summary>The workspace's status, about a second old at most.</summary>
    public async Task<StatusReport> ReadAsync(string workspace, CancellationToken cancellationToken)
    {
        var watch = _watches.GetOrAdd(workspace, name => new Watch(new StatusReport(name, null, [], 0, [], [], [], null)));
        await watch.Turn.WaitAsync(cancellationToken);
        try
        {
            if (watch.NextAt <= time.GetTimestamp())
            {
                // Others wait for this reading too, so it is not given up when its caller leaves.
                var startedAt = time.GetTimestamp();
                await ReadAsync(watch);
                var pause = Math.Clamp(5 * time.GetElapsedTime(startedAt).TotalSeconds, ShortestPause.TotalSeconds, LongestPause.TotalSeconds);
                watch.NextAt = startedAt + (long)(pause * time.TimestampFrequency);
            }

            return watch.Report;
        }
        finally
        {
            watch.Turn.Release();
        }
    }

    private async Task ReadAsync(Watch watch)
    {
        var checkup = health.CheckHealthAsync();
        IReadOnlyList<Problem> found = [];

        // One that was given up on may still be going on: there is never a second beside it.
        watch.Reading ??= ReadStoreAsync(watch);
        try
        {
            (watch.Report, found) = await watch.Reading.WaitAsync(Patience, time);
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            // What keeps it from being read is the health report's to say.
            var since = watch.Report.At is { } at
                ? string.Create(CultureInfo.InvariantCulture, $"What is shown is of {at:HH:mm:ss} UTC; the store cannot be read.")
                : "The store has not been read yet, so there is nothing to show.";
            found = [new Problem("status", Problem.Warning, since, null)];
        }
        finally
        {
            watch.Reading = watch.Reading.IsCompleted ? null : watch.Reading;
        }

        watch.Report = watch.Report with { Problems = [.. ProblemsOf(await checkup).Concat(found).OrderBy(problem => problem.Severity == Problem.Warning)] };
    }

    private async Task<(StatusReport Report, IReadOnlyList<Problem> Problems)> ReadStoreAsync(Watch watch)
    {
        var workspace = watch.Report.Workspace;
        var now = time.GetUtcNow();
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        var used = await usage.ReadAsync(workspace, today, today);
        var (open, toDo) = await backlog.ReadAsync(catalog.EndpointsOfModels);
        var own = open.Where(batch => batch.Workspace == workspace).OrderByDescending(batch => batch.CreatedAt).ToList();
        var fleets = await Task.WhenAll(catalog.Models.Select(model => fleet.ReadAsync(model.Name)));
        var models = catalog.Models.Zip(fleets)
            .Select(model => ModelOf(watch, model.First, model.Second, used, toDo.FirstOrDefault(part => part.Workspace == workspace && part.Model == model.First.Name)))
            .ToList();
        var reports = await Task.WhenAll(catalog.Models.SelectMany(model => model.Endpoints, EndpointAsync));
        watch.Forget(own);
        var batches = own.Take(MostBatches).Select(batch => BatchOf(watch, batch)).ToList();
        return (new StatusReport(workspace, now, [], own.Count, batches, models, reports, used), [.. ProblemsOf(reports), .. ProblemsOf(models)]);
    }

    private OpenBatch BatchOf(Watch watch, BatchRecord batch) => new(
        BatchProgress.Of(batch, watch.RateOf(batch.BatchId, time).Note(batch.Succeeded + batch.Errored), prices),
        batch.CancelInitiatedAt is null ? "in_progress" : "canceling",
        batch.Stage,
        batch.CreatedAt,
        batch.ExpiresAt);

    private ModelReport ModelOf(Watch watch, CatalogModel model, ModelFleet workers, UsageReport used, ModelBacklog? toDo)
    {
        var completed = used.Models.FirstOrDefault(entry => entry.Model == model.Name)?.Requests ?? 0;
        return new ModelReport(
            model.Name,
            model.DisplayName,
            model.IsSimulated,
            workers.Workers,
            toDo?.Waiting ?? 0,
            toDo?.InFlight ?? 0,
            watch.RateOf(model.Name, completed, time).Note(completed),
            toDo?.OldestAt);
    }

    private async Task<EndpointReport> EndpointAsync(CatalogModel model, ModelEndpoint endpoint)
    {
        var state = await endpoints.ReadAsync(endpoint.Name);
        var word = state.OutOfUse is { } outage ? outage.IsStopped ? EndpointReport.Stopped : EndpointReport.OutOfUse : state.Workers == 0 ? EndpointReport.NoWorker : EndpointReport.InUse;
        return new EndpointReport(
            endpoint.Name,
            model.Name,
            endpoint.Protocol.ToString(),
            word,
            state.InFlight,
            state.Limit,
            endpoint.MaxInFlight,
            state.OutOfUse?.Since,
            state.OutOfUse?.Reason,
            state.OutOfUse is { } reason ? OutageAdvice.Of(reason.Reason, endpoint.Name) : null);
    }

    private static IEnumerable<Problem> ProblemsOf(IReadOnlyList<EndpointReport> endpoints)
    {
        foreach (var endpoint in endpoints.Where(endpoint => endpoint.Reason is not null))
        {
            var hasOther = endpoints.Any(other => other.Model == endpoint.Model && other.Reason is null);
            var state = endpoint.State == EndpointReport.Stopped ? "stopped until it is mended" : "out of use";
            var then = hasOther ? "Its requests go to the next endpoint." : "Its requests wait; none is lost.";
            yield return new Problem(
                endpoint.Endpoint,
                hasOther ? Problem.Warning : Problem.Error,
                string.Create(CultureInfo.InvariantCulture, $"The endpoint is {state}, since {endpoint.Since:HH:mm} UTC ({endpoint.Reason}). {then}"),
                endpoint.Remedy);
        }
    }

    private static IEnumerable<Problem> ProblemsOf(IEnumerable<ModelReport> models) => models
        .Where(model => model.Workers == 0 && model.Waiting + model.InFlight > 0)
        .Select(model => new Problem(
            model.Model,
            Problem.Error,
            string.Create(CultureInfo.InvariantCulture, $"Requests wait ({model.Waiting + model.InFlight:N0}), and no worker is there to run them."),
            "Start a process with the role worker (BatchBus__Roles), or read in its log why it does not work."));

    /// <summary>What the health report says; endpoints are told of in more detail.</summary>
    private static IEnumerable<Problem> ProblemsOf(HealthReport report)
    {
        foreach (var (name, entry) in report.Entries)
        {
            var isAlarm = entry.Status is HealthStatus.Healthy && entry.Data.ContainsKey("alarm");
            if (name != "endpoints" && (isAlarm || entry.Status is not HealthStatus.Healthy))
            {
                yield return new Problem(
                    name,
                    isAlarm ? Problem.Warning : Problem.Error,
                    entry.Description ?? "not ready",
                    entry.Data.GetValueOrDefault("remedy") as string);
            }
        }
    }

    /// <summary>What is remembered of a workspace from one reading to the next.</summary>
    private sealed class Watch(StatusReport report)
    {
        private readonly Dictionary<Guid, RecentRate> _batches = [];
        private readonly Dictionary<string, (RecentRate Rate, int Completed)> _models = [];

        public SemaphoreSlim Turn { get; } = new(1);

        public StatusReport Report { get; set; } = report;

        public Task<(StatusReport Report, IReadOnlyList<Problem> Problems)>? Reading { get; set; }

        public long NextAt { get; set; }

        public RecentRate RateOf(Guid batchId, TimeProvider time)
        {
            if (!_batches.TryGetValue(batchId, out var rate))
            {
                _batches.Add(batchId, rate = new RecentRate(time));
            }

            return rate;
        }

        /// <summary>A day's count begins anew at midnight, and with it the rate.</summary>
        public RecentRate RateOf(string model, int completed, TimeProvider time)
        {
            var known = _models.GetValueOrDefault(model);
            var rate = known.Rate is null || completed < known.Completed ? new RecentRate(time) : known.Rate;
            _models[model] = (rate, completed);
            return rate;
        }

        public void Forget(IReadOnlyCollection<BatchRecord> open)
        {
            foreach (var ended in _batches.Keys.Except(open.Select(batch => batch.BatchId)).ToList())
            {
                _batches.Remove(ended);
            }
        }
    }
}
