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
}
