using System.Collections.Concurrent;
using BatchBus.Faults.Tests.Checks;
using BatchBus.Faults.Tests.Deployed;
using BatchBus.Simulator;
using BatchBus.TestServers;
using NUnit.Framework.Interfaces;

namespace BatchBus.Faults.Tests.Endpoints;

/// <summary>
/// Scenarios about the endpoints of models. The fixtures share a deployment with one simulator for both workers, and each has models of its
/// own in it, so that they may run at the same time.
/// </summary>
public abstract class EndpointFixture
{
    /// <summary>Requests of one model that both workers have in flight.</summary>
    protected const int Slots = 2 * Deployment.Slots;

    /// <summary>So many run where every slot is used: a job that is over keeps its slot until it is looked at.</summary>
    protected const int Busy = Slots / 2;

    /// <summary>The bound on liveness once an endpoint is well again.</summary>
    protected static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private readonly ConcurrentQueue<ObservedBatch> _batches = [];

    protected virtual Deployment Deployment => EndpointDeployment.Deployment;

    protected virtual SimulatorServer Model => EndpointDeployment.Model;

    /// <summary>Calls of this fixture's batches that may be made again; none, unless a scenario notes some.</summary>
    protected Waste Waste { get; private set; } = null!;

    [SetUp]
    public void BeginWithoutWaste() => Waste = new Waste(Deployment, () => _batches);

    [TearDown]
    public void ShowOutputs()
    {
        if (TestContext.CurrentContext.Result.Outcome.Status is TestStatus.Failed)
        {
            foreach (var process in Deployment.Processes)
            {
                TestContext.Out.WriteLine($"--- {process.Name}\n{string.Join('\n', process.Output.Split('\n').Where(line => !line.Contains(" DBG ", StringComparison.Ordinal)))}");
            }
        }
    }

    [OneTimeTearDown]
    public virtual async Task EndAsync()
    {
        foreach (var batch in _batches)
        {
            await batch.DisposeAsync();
        }

        foreach (var batch in _batches)
        {
            batch.AssertConsistent();
        }
    }

    protected Task<ObservedBatch> SubmitAsync(int count, string model) => SubmitAsync(new Workload(count, model: model));

    protected async Task<ObservedBatch> SubmitAsync(Workload workload)
    {
        var batch = await ObservedBatch.SubmitAsync(Deployment, workload);
        _batches.Enqueue(batch);
        return batch;
    }

    /// <summary>Waits until an endpoint runs so many calls; returns how long that took.</summary>
    protected async Task<TimeSpan> RunsAsync(string endpoint, int calls, TimeSpan? within = null)
    {
        var from = Model.Log.Now;
        await Eventually.ThatAsync(() => Model.Endpoint(endpoint).Count().Running >= calls, $"{endpoint} runs {calls} calls", within);
        return Model.Log.Now - from;
    }

    /// <summary>Waits until so many calls have reached an endpoint.</summary>
    protected Task ReachedAsync(string endpoint, int calls)
        => Eventually.ThatAsync(() => CallsTo(endpoint) >= calls, $"{calls} calls have reached {endpoint}");

    /// <summary>Requests that were sent and looks at jobs: what the bounds on calls count. Not <c>/health</c> and <c>/models</c>, which cost nobody anything.</summary>
    protected int CallsTo(string endpoint) => Model.Endpoint(endpoint).Count() is var count ? count.Runs + count.Statuses + count.Chats : 0;

    protected Task PassedAsync(TimeSpan time)
        => Model.Log.Now + time is var until ? Eventually.ThatAsync(() => Model.Log.Now >= until, "time has passed", 4 * time) : Task.CompletedTask;

    protected IReadOnlyList<SimulatedCall> LogOf(string endpoint) => [.. Model.Log.Entries.Where(call => call.Endpoint == endpoint)];

    /// <summary>The most calls that were open at once at an endpoint.</summary>
    protected int MostOpen(string endpoint)
    {
        var (open, most) = (0, 0);
        foreach (var (_, change) in LogOf(endpoint)
            .SelectMany(call => new[] { (At: call.Start, Change: 1), (At: call.End ?? TimeSpan.MaxValue, Change: -1) })
            .OrderBy(step => step.At)
            .ThenBy(step => step.Change))
        {
            open += change;
            most = Math.Max(most, open);
        }

        return most;
    }
}
