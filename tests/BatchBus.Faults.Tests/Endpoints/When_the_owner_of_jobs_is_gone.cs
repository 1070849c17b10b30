using BatchBus.Faults.Tests.Checks;
using BatchBus.Faults.Tests.Deployed;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Endpoints;

/// <summary>Jobs outlive whoever has submitted them. A deployment of its own: its workers are killed.</summary>
public sealed class When_the_owner_of_jobs_is_gone : EndpointFixture
{
    private const string Name = "mistral-7b";

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(15);

    private SimulatorServer? _model;
    private Deployment? _deployment;

    protected override Deployment Deployment => _deployment ?? throw new InvalidOperationException("The deployment is not started.");

    protected override SimulatorServer Model => _model ?? throw new InvalidOperationException("The model is not started.");

    [OneTimeSetUp]
    public async Task DeployAsync()
    {
        _model = await SimulatorServer.StartAsync(new SimulatorOptions { ApiKey = EndpointDeployment.ApiKey });
        _deployment = await Deployment.StartAsync(model: _model, more: new Dictionary<string, string>(EndpointDeployment.Jobs(Name)));
    }

    [SetUp]
    public Task RestoreAsync() => Deployment.RestoreAsync();

    public override async Task EndAsync()
    {
        // Who watches the batches stops before what is watched.
        await base.EndAsync();
        if (_deployment is not null)
        {
            await _deployment.DisposeAsync();
        }

        if (_model is not null)
        {
            await _model.DisposeAsync();
        }
    }

    [Test]
    public async Task Whoever_takes_over_goes_on_with_the_jobs_that_run()
    {
        var before = Model.Endpoint(Name).Count().Runs;
        var batch = await JobsRunAsync(48, TimeSpan.FromSeconds(4));

        Deployment.Workers[0].Kill();
        await Deployment.Workers[0].StartAsync();

        await batch.EndsExactAsync(Soon, Waste);
        Assert.That(Model.Endpoint(Name).Count().Runs - before, Is.EqualTo(48), "every job was submitted once");
    }

    [Test]
    public async Task Only_jobs_whose_id_was_not_yet_kept_are_submitted_again()
    {
        Model.Endpoint(Name).Latency = SimulatedLatency.Fixed(TimeSpan.FromSeconds(1));
        await Deployment.Workers[0].ArmAsync("script:note_request:before:exit:20");
        var before = Model.Endpoint(Name).Count().Runs;
        var batch = await SubmitAsync(120, Name);
        await Deployment.Workers[0].DiesAsync();
        await Deployment.Workers[0].StartAsync();

        await batch.EndsAsync(Soon);
        var again = Model.Endpoint(Name).Count().Runs - before - 120;
        TestContext.Out.WriteLine($"{again} jobs were submitted again, of at most {Deployment.Slots} that were being submitted");
        Assert.That(again, Is.InRange(1, Deployment.Slots));
        Waste.NoteAll();
        await batch.EndsExactAsync(Soon, Waste);
    }

    [TestCase(false, TestName = "Jobs_of_a_canceled_batch_are_canceled")]
    [TestCase(true, TestName = "Jobs_of_a_canceled_batch_are_canceled_although_their_worker_was_killed_right_before")]
    public async Task A_canceled_batch_leaves_no_jobs_behind(bool isKilled)
    {
        var before = Model.Endpoint(Name).Count().Cancels;
        var batch = await JobsRunAsync(64, TimeSpan.FromMinutes(5));
        if (isKilled)
        {
            Deployment.Workers[0].Kill();
        }

        var at = Model.Log.Now;
        await Deployment.CancelAsync(batch.Id);
        await Eventually.ThatAsync(() => Model.Endpoint(Name).Count().Running == 0, "no job runs any more", Bound);
        var freed = Model.Log.Now - at;

        await batch.EndsExactAsync(Bound, Waste, "canceled");
        TestContext.Out.WriteLine($"free after {freed.TotalSeconds:0.0} s, ended after {(Model.Log.Now - at).TotalSeconds:0.0} s");
        Assert.That(Model.Endpoint(Name).Count().Cancels - before, Is.GreaterThanOrEqualTo(Slots));
    }

    /// <summary>Waits until every slot has a job that is kept.</summary>
    private async Task<ObservedBatch> JobsRunAsync(int requests, TimeSpan latency)
    {
        Model.Endpoint(Name).Latency = SimulatedLatency.Fixed(latency);
        var batch = await SubmitAsync(requests, Name);
        await RunsAsync(Name, Slots);
        await Eventually.ThatAsync(
            async () => (await Deployment.Pages.ReadAsync(batch.BatchId)).Entries.Keys.Count(field => field.StartsWith("job:", StringComparison.Ordinal)) >= Slots, "the ids of all jobs are kept");
        return batch;
    }
}
