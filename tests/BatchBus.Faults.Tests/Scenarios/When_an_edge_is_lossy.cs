using BatchBus.Faults.Tests.Deployed;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Scenarios;

public sealed class When_an_edge_is_lossy : ScenarioFixture
{
    private const int Lost = 500;

    [Test]
    [Category("dispatcher_pg_reply_loss")]
    public async Task Results_whose_storing_was_not_confirmed_are_stored_and_counted_once()
    {
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(150), 0.3));
        var batch = await SubmitAsync(400);
        await batch.AnsweredAsync(40);

        var lossy = Deployment.Witness.Now;
        await LoseRepliesAsync([.. Deployment.Workers.Select(worker => worker.Redis)]);

        var restored = Deployment.Witness.Now;
        await batch.EndsAsync(Soon);

        // Who cannot renew loses pages: redelivery is allowed, a double commit is not.
        foreach (var worker in Deployment.Workers)
        {
            Waste.NoteStarted(worker, lossy - TimeSpan.FromSeconds(1), restored + TimeSpan.FromSeconds(1.5));
        }

        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    [Category("processor_pg_reply_loss")]
    public async Task Pages_whose_release_was_not_confirmed_are_executed_once()
    {
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(150), 0.3));
        var batch = await SubmitAsync(400);
        await batch.AnsweredAsync(40);

        await LoseRepliesAsync([Deployment.Orchestrator.Redis]);

        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    public async Task Messages_whose_receipt_was_not_confirmed_do_nothing_twice()
    {
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(150), 0.3));
        var batch = await SubmitAsync(400);
        await batch.AnsweredAsync(40);

        await LoseRepliesAsync([Deployment.Orchestrator.RabbitMq, .. Deployment.Workers.Select(worker => worker.RabbitMq)]);

        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    public async Task A_worker_that_is_cut_off_from_redis_starts_no_call_and_keeps_what_it_has()
    {
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3));
        var (worker, batch) = (Deployment.Workers[0], await SubmitAsync(400));
        await batch.AnsweredAsync(40);

        worker.Redis.Cut();
        await Waste.NoteOpenAsync(worker);
        var cut = Deployment.Witness.Now;
        await Eventually.ThatAsync(() => Deployment.Witness.Now > cut + TimeSpan.FromSeconds(4), "its leases have lapsed");
        worker.Redis.Restore();
        var restored = Deployment.Witness.Now;

        // What it still began while its leases were valid is repeated by whoever took the pages over.
        Waste.NoteStarted(worker, cut, cut + TimeSpan.FromSeconds(1.5));
        await batch.EndsExactAsync(Soon, Waste);
        Assert.That(
            Deployment.Witness.CallsOf(0).Where(call => call.Start > cut + TimeSpan.FromSeconds(1.5) && call.Start < restored), Is.Empty, "no call without a lease");
    }

    [Test]
    public async Task Slow_edges_delay_a_batch_and_change_nothing_else()
    {
        foreach (var process in Deployment.Processes)
        {
            process.Redis.Delay(TimeSpan.FromMilliseconds(20));
            process.RabbitMq.Delay(TimeSpan.FromMilliseconds(20));
        }

        await (await SubmitAsync(200)).EndsExactAsync(Soon, Waste);
    }

    [Test]
    [Category("dispatcher_engine_resets")]
    public async Task Broken_connections_to_the_model_leave_no_failed_request()
    {
        const int Broken = 10;
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3));
        var batch = await SubmitAsync(500);
        await batch.AnsweredAsync(30);
        var models = Deployment.Workers.Select(worker => worker.Model!).ToList();

        models.ForEach(model => model.BreakReplies(Broken));
        await Eventually.ThatAsync(() => models.TrueForAll(model => model.RepliesToBreak == 0), "answers are broken off");
        var cutOpen = Deployment.Witness.Open(0) + Deployment.Witness.Open(1);
        models.ForEach(model => model.Cut());
        models.ForEach(model => model.Restore());

        Waste.NoteAll();
        await batch.EndsExactAsync(Soon, Waste);

        // A connection may carry several answers at once only in a row, so no more than one call breaks with it.
        Assert.That(batch.Repeated, Has.Count.InRange(Broken, (2 * Broken) + cutOpen + 16), "only broken calls are made again");
    }

    private static async Task LoseRepliesAsync(IReadOnlyList<FaultProxy> edges)
    {
        foreach (var edge in edges)
        {
            edge.SwallowReplies();
        }

        await Eventually.ThatAsync(() => edges.Sum(edge => edge.Swallowed) > Lost, "answers are lost");
        foreach (var edge in edges)
        {
            edge.Restore();
        }
    }
}
