using BatchBus.Inference.Catalog;
using BatchBus.Storage.Endpoints;
using BatchBus.Storage.Usage;
using BatchBus.Worker.Execution;
using BatchBus.Worker.Leases;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace BatchBus.Worker.Endpoints;

/// <summary>
/// Once a second and endpoint: agrees with the other workers on shares and on what is out of use, asks the endpoint how it is, and lets a
/// request try one that is out of use when its time has come.
/// </summary>
internal sealed partial class EndpointKeeper(
    ModelWorkers workers, EndpointStore store, EndpointMeter meter, HeldPages held, IOptions<WorkerOptions> options, TimeProvider time, ILogger<EndpointKeeper> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>What only an operator can mend is not mended within seconds.</summary>
    private static readonly TimeSpan StoppedInterval = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan OutageCheckInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan MeterInterval = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        => await Task.WhenAll(workers.All.SelectMany(worker => worker.Endpoints.Gates.Select(gate => KeepAsync(worker, gate, stoppingToken))));

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await Task.WhenAll(workers.All.SelectMany(worker => worker.Endpoints.Gates).Select(gate => store.LeaveAsync(gate.Endpoint.Name, held.Owner)))
            .WaitAsync(cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task KeepAsync(ModelWorker worker, EndpointGate gate, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var keeping = new Keeping(time.GetTimestamp());
        do
        {
            try
            {
                await LookAsync(worker, gate, keeping, cancellationToken);
            }
            catch (Exception exception) when (exception is RedisException or RedisTimeoutException)
            {
                Log.NotAgreed(logger, gate.Endpoint.Name, exception.GetType().Name);
            }
        }
        while (await timer.WaitForNextTickAsync(cancellationToken));
    }

    private async Task LookAsync(ModelWorker worker, EndpointGate gate, Keeping keeping, CancellationToken cancellationToken)
    {
        var name = gate.Endpoint.Name;
        if (!gate.IsPublished)
        {
            await PublishAsync(worker, gate);
        }

        var wanted = worker.Held == 0 ? 0 : Math.Min(worker.Slots, worker.Held);
        var (claimed, inFlight, limit) = worker.Endpoints.Read(() => (gate.Claimed, gate.InFlight, gate.Limit));
        var share = await store.ShareAsync(name, held.Owner, claimed, wanted, gate.Endpoint.MaxInFlight, inFlight, limit);
        if (!keeping.HasBegun)
        {
            share = await ForgetStopAsync(gate, share);
            keeping.HasBegun = true;
        }

        var wasOut = gate.IsOutOfUse;
        worker.Endpoints.Change(() => gate.Observe(share, time.GetUtcNow()));
        gate.Client.ShareWith(share.Workers);
        if (gate.IsOutOfUse != wasOut)
        {
            LogChange(gate);
        }

        await MeterAsync(worker, gate, share.IsFirst, keeping);
        var isBack = await CheckAsync(worker, gate, keeping, cancellationToken);
        if (gate.WantsTrial && worker.Held > 0 && await store.ClaimTrialAsync(name, isBack ? TimeSpan.Zero : gate.IsStopped ? StoppedInterval : options.Value.TrialInterval))
        {
            worker.Endpoints.Change(gate.PrepareTrial);
        }
    }

    /// <summary>
    /// A stop ends where a worker starts: what the operator mended, in settings or at the endpoint, is often why it was started. If nothing
    /// was mended, the first call stops the endpoint again.
    /// </summary>
    private async Task<EndpointShare> ForgetStopAsync(EndpointGate gate, EndpointShare share)
    {
        if (share.OutOfUse is not { IsStopped: true } stop)
        {
            return share;
        }

        await store.CloseAsync(gate.Endpoint.Name);
        Log.TriedAfterStart(logger, gate.Endpoint.Name, stop.Reason);
        return share with { OutOfUse = null };
    }

    /// <summary>Tells the other workers that an endpoint is out of use, or back.</summary>
    private async Task PublishAsync(ModelWorker worker, EndpointGate gate)
    {
        var (isOut, isStopped, reason) = worker.Endpoints.Read(() => (gate.IsOutOfUse, gate.IsStopped, gate.Reason));
        await (isOut ? store.OpenAsync(gate.Endpoint.Name, isStopped, reason ?? "") : store.CloseAsync(gate.Endpoint.Name));
        worker.Endpoints.Change(() => gate.IsPublished = gate.IsOutOfUse == isOut);
        LogChange(gate);
    }

    /// <summary>Asks the endpoint how it is. Returns whether it answers again after it had not.</summary>
    private async Task<bool> CheckAsync(ModelWorker worker, EndpointGate gate, Keeping keeping, CancellationToken cancellationToken)
    {
        var isOut = gate.IsOutOfUse;
        if ((!isOut && gate.Endpoint.Protocol is not ModelProtocol.RunPodJobs)
            || time.GetElapsedTime(keeping.CheckedAt) < (isOut ? OutageCheckInterval : CheckInterval))
        {
            return false;
        }

        keeping.CheckedAt = time.GetTimestamp();
        var status = await gate.Client.CheckAsync(cancellationToken);
        var isBack = status is not null && keeping.WasSilent;
        keeping.WasSilent = status is null;
        if (status is not null)
        {
            worker.Endpoints.Change(() => gate.Observe(status));
        }

        return isBack && isOut;
    }

    /// <summary>Adds up what the endpoint's GPUs were billed for, which one worker does for all, and what this worker kept busy.</summary>
    private async Task MeterAsync(ModelWorker worker, EndpointGate gate, bool isFirst, Keeping keeping)
    {
        if (gate.Endpoint.Protocol is not ModelProtocol.RunPodJobs || time.GetElapsedTime(keeping.MeteredAt) < MeterInterval)
        {
            return;
        }

        keeping.MeteredAt = time.GetTimestamp();
        var (billed, busy) = worker.Endpoints.Read(gate.GpuTime);
        var (newlyBilled, newlyBusy) = (isFirst ? billed - keeping.Billed : TimeSpan.Zero, busy - keeping.Busy);
        (keeping.Billed, keeping.Busy) = (billed, busy);
        await meter.AddAsync(gate.Endpoint.Name, DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime), (long)newlyBilled.TotalMicroseconds, (long)newlyBusy.TotalMicroseconds);
    }

    private void LogChange(EndpointGate gate)
    {
        if (gate.IsStopped)
        {
            Log.Stopped(logger, gate.Endpoint.Name, gate.Reason ?? "", StoppedInterval.TotalSeconds);
        }
        else if (gate.IsOutOfUse)
        {
            Log.OutOfUse(logger, gate.Endpoint.Name, gate.Reason ?? "", options.Value.TrialInterval.TotalSeconds);
        }
        else
        {
            Log.BackInUse(logger, gate.Endpoint.Name);
        }
    }

    private sealed class Keeping(long now)
    {
        public bool HasBegun { get; set; }

        public long CheckedAt { get; set; } = now;

        public long MeteredAt { get; set; } = now;

        public TimeSpan Billed { get; set; }

        public TimeSpan Busy { get; set; }

        public bool WasSilent { get; set; }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "The endpoint {Endpoint} is stopped ({Reason}). Its requests wait; it is tried again every {Seconds:0} s")]
        public static partial void Stopped(ILogger logger, string endpoint, string reason, double seconds);

        [LoggerMessage(LogLevel.Information, "The endpoint {Endpoint} was stopped when this process started ({Reason}); its next request tries it again")]
        public static partial void TriedAfterStart(ILogger logger, string endpoint, string reason);

        [LoggerMessage(LogLevel.Warning, "The endpoint {Endpoint} is out of use ({Reason}). Its requests wait or go elsewhere; it is asked every few seconds, and tried at least every {Seconds:0} s")]
        public static partial void OutOfUse(ILogger logger, string endpoint, string reason, double seconds);

        [LoggerMessage(LogLevel.Information, "The endpoint {Endpoint} is back in use")]
        public static partial void BackInUse(ILogger logger, string endpoint);

        // Redis is to blame, of which the readiness and the log speak anyway.
        [LoggerMessage(LogLevel.Debug, "What the workers know of the endpoint {Endpoint} could not be read ({Error})")]
        public static partial void NotAgreed(ILogger logger, string endpoint, string error);
    }
}
