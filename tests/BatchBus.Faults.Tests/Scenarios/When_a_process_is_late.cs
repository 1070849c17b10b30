using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Scenarios;

/// <summary>Who is frozen knows nothing of it: it wakes and believes that what it had is still its own.</summary>
public sealed class When_a_process_is_late : ScenarioFixture
{
    [TestCase("consume:ExecuteRequests:before:6s")]
    [TestCase("script:lease_page:before:6s")]
    [TestCase("script:lease_page:after:6s")]
    [Category("duplicate_execution")]
    public async Task A_page_that_was_taken_and_not_begun_is_executed_once(string failpoint)
    {
        await Deployment.Workers[0].ArmAsync(failpoint);
        var batch = await SubmitAsync(100);

        await Deployment.Workers[0].GoesOnAsync();

        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    [Category("zombie_owner_burns_inference")]
    public async Task A_worker_that_was_frozen_and_replaced_starts_no_call_for_pages_that_it_lost()
    {
        Deployment.SetLatency(SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(300)));
        var batch = await SubmitAsync(600);
        await batch.AnsweredAsync(40);

        await FreezeUntilReplacedAsync(batch);

        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    [Category("quiet_interval_reclaim")]
    public async Task A_worker_that_was_replaced_while_all_its_calls_were_open_starts_no_more_of_them()
    {
        Deployment.SetLatency(SimulatedLatency.Fixed(TimeSpan.FromSeconds(4)));
        var batch = await SubmitAsync(160);
        await Eventually.ThatAsync(() => Deployment.Witness.Open(0) >= 16, "the slots of a worker are full");

        await FreezeUntilReplacedAsync(batch);

        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    [Category("zombie_dispatcher_fenced")]
    public async Task A_worker_that_wakes_after_the_end_starts_no_call_and_changes_no_result()
    {
        Deployment.SetLatency(SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(200)));
        var (worker, batch) = (Deployment.Workers[0], await SubmitAsync(200));
        await batch.AnsweredAsync(40);

        worker.Freeze();
        await Waste.NoteOpenAsync(worker);
        worker.RabbitMq.Cut();
        await batch.EndsAsync(Soon);
        worker.RabbitMq.Restore();
        worker.Thaw();
        await Eventually.ThatAsync(worker.IsReadyAsync, "the worker is back", TimeSpan.FromSeconds(60));

        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    public async Task Two_orchestrators_that_both_believe_to_be_the_active_one_do_nothing_twice()
    {
        Deployment.SetLatency(SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(200)));
        await Deployment.SecondOrchestrator.StartAsync();
        var batch = await SubmitAsync(500);
        await batch.AnsweredAsync(40);

        // The broker gives the queue to the second, while the first, thawed, still has what it was handed before.
        Deployment.Orchestrator.Freeze();
        Deployment.Orchestrator.RabbitMq.Cut();
        var answered = batch.Calls.Count;
        await batch.AnsweredAsync(answered + 40);
        Deployment.Orchestrator.Thaw();
        Deployment.Orchestrator.RabbitMq.Restore();

        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    [Category("replicas_execute_once")]
    public async Task Of_several_orchestrators_and_workers_each_batch_of_a_burst_is_executed_by_one()
    {
        await Deployment.SecondOrchestrator.StartAsync();

        var batches = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => SubmitAsync(25)));

        foreach (var batch in batches)
        {
            await batch.EndsExactAsync(Soon, Waste);
        }
    }

    private async Task FreezeUntilReplacedAsync(Checks.ObservedBatch batch)
    {
        var worker = Deployment.Workers[0];
        await Eventually.ThatAsync(() => Deployment.Witness.Open(0) >= 8, "calls are open");
        worker.Freeze();
        await Waste.NoteOpenAsync(worker);
        var lost = Waste.Calls.Where(call => call.Worker == 0).Select(call => call.Key).ToHashSet();
        try
        {
            await Eventually.ThatAsync(() => batch.Calls.Any(call => call.Worker == 1 && lost.Contains(call.Key)), "another worker has taken over");
        }
        finally
        {
            worker.Thaw();
        }
    }
}
