using BatchBus.Simulator;

namespace BatchBus.Faults.Tests.Scenarios;

public sealed class When_a_process_is_killed : ScenarioFixture
{
    [Test]
    [Category("worker_crash_strands_job")]
    public async Task Another_worker_executes_the_pages_of_a_dead_one()
    {
        var batch = await SubmitAsync(300);
        await batch.AnsweredAsync(60);

        await Waste.KillAsync(Deployment.Workers[0]);

        await batch.EndsExactAsync(Soon, Waste);
        Assert.That(Waste.Calls, Is.Not.Empty, "the kill met open calls");
    }

    [Test]
    [Category("async_result_destruction")]
    public async Task Results_that_come_in_while_no_orchestrator_lives_are_kept_and_none_is_called_again()
    {
        Deployment.SetLatency(SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(300)));
        var batch = await SubmitAsync(300);
        await batch.AnsweredAsync(30);
        var before = batch.Calls.Count;

        await Waste.KillAsync(Deployment.Orchestrator);
        await batch.AnsweredAsync(before);
        await Deployment.Orchestrator.StartAsync();

        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    public async Task A_killed_api_is_missed_by_no_batch()
    {
        var batch = await SubmitAsync(200);
        await batch.AnsweredAsync(20);

        await Waste.KillAsync(Deployment.Api);
        await Deployment.Api.StartAsync();

        await batch.EndsExactAsync(Soon, Waste);
    }

    [TestCase("script:lease_page:before:exit:3")]
    [TestCase("script:lease_page:after:exit:3")]
    [TestCase("script:store_results:before:exit:5")]
    [TestCase("script:store_results:after:exit:5")]
    [TestCase("send:RequestsCompleted:before:exit:2")]
    [TestCase("send:RequestsCompleted:after:exit:2")]
    [Category("dispatcher_crash_redelivers")]
    public async Task Each_request_is_answered_once_wherever_a_worker_dies(string failpoint)
    {
        await Deployment.Workers[0].ArmAsync(failpoint);
        var batch = await SubmitAsync(200);

        await Deployment.Workers[0].DiesAsync();
        await Waste.NoteDeathAsync(Deployment.Workers[0]);

        await batch.EndsExactAsync(Soon, Waste);
    }

    [TestCase("saga:save:before:exit")]
    [TestCase("saga:save:after:exit")]
    [TestCase("send:ExecuteRequests:before:exit:3")]
    [TestCase("send:ExecuteRequests:after:exit:3")]
    [TestCase("consume:RequestsCompleted:before:exit:2")]
    [TestCase("consume:RequestsCompleted:after:exit:2")]
    [TestCase("script:claim_due:after:exit:2")]
    [TestCase("script:close_batch:before:exit", Category = "finalization_strand")]
    [TestCase("script:close_batch:after:exit", Category = "finalization_strand")]
    [TestCase("send:BatchEnded:before:exit", Category = "finalization_strand")]
    [TestCase("send:BatchEnded:after:exit", Category = "finalization_strand")]
    public async Task A_batch_ends_and_no_request_is_called_again_wherever_the_orchestrator_dies(string failpoint)
    {
        await Deployment.Orchestrator.ArmAsync(failpoint);
        var batch = await SubmitAsync(120);

        await Deployment.Orchestrator.DiesAsync();
        await Deployment.Orchestrator.StartAsync();

        await batch.EndsExactAsync(Soon, Waste);
    }
}
