using System.Collections.Concurrent;
using BatchBus.Faults.Tests.Checks;
using BatchBus.Faults.Tests.Deployed;
using NUnit.Framework.Interfaces;

namespace BatchBus.Faults.Tests.Scenarios;

/// <summary>Scenarios that share a deployment: each finds it healthy, and none of its batches changes while later ones run.</summary>
public abstract class ScenarioFixture(string appendFsync = "always", bool ownBroker = false, bool usualTimes = false)
{
    /// <summary>The bound on liveness: several lapsed leases and restarts, on a machine that does other things too.</summary>
    protected static readonly TimeSpan Soon = TimeSpan.FromSeconds(40);

    private readonly ConcurrentDictionary<ObservedBatch, bool> _batches = [];
    private Deployment? _deployment;

    protected Deployment Deployment => _deployment ?? throw new InvalidOperationException("The deployment is not started.");

    protected Waste Waste { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task DeployAsync() => _deployment = await Deployment.StartAsync(appendFsync, ownBroker, usualTimes);

    [SetUp]
    public async Task RestoreAsync()
    {
        await Deployment.RestoreAsync();
        Waste = new Waste(Deployment, () => _batches.Keys);
    }

    [TearDown]
    public void ShowOutputs()
    {
        if (TestContext.CurrentContext.Result.Outcome.Status is TestStatus.Failed)
        {
            foreach (var process in Deployment.Processes)
            {
                TestContext.Out.WriteLine($"--- {process.Name}\n{process.Output}");
            }
        }
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        try
        {
            foreach (var batch in _batches.Keys)
            {
                batch.AssertConsistent();
            }
        }
        finally
        {
            foreach (var batch in _batches.Keys)
            {
                await batch.DisposeAsync();
            }

            if (_deployment is not null)
            {
                await _deployment.DisposeAsync();
            }
        }
    }

    protected async Task<ObservedBatch> SubmitAsync(int count, int? expiresInSeconds = null)
    {
        var batch = await ObservedBatch.SubmitAsync(Deployment, new Workload(count, expiresInSeconds));
        _batches[batch] = true;
        return batch;
    }

    /// <summary>Watches a batch no more: what was seen of it so far no longer holds.</summary>
    protected async Task LeaveAsync(ObservedBatch batch)
    {
        _batches.TryRemove(batch, out _);
        await batch.DisposeAsync();
    }

    /// <summary>Watches a batch that was created otherwise.</summary>
    protected ObservedBatch Watch(Workload workload, string id)
    {
        var batch = new ObservedBatch(Deployment, workload, id);
        _batches[batch] = true;
        return batch;
    }
}
