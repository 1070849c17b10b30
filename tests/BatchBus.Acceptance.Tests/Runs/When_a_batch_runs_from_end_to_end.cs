using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Simulator;

namespace BatchBus.Acceptance.Tests.Runs;

[TestFixture(Mode.Embedded, "OpenAi")]
[TestFixture(Mode.Embedded, "RunPodJobs")]
[TestFixture(Mode.Real, "OpenAi")]
[TestFixture(Mode.Real, "RunPodJobs")]
public sealed class When_a_batch_runs_from_end_to_end(Mode mode, string protocol)
{
    private const int Count = 2_000;

    [Test]
    public async Task Should_answer_every_request_once_with_its_own_answer()
    {
        await using var installation = await Installation.StartAsync(mode, SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(20)), protocol);

        var id = await installation.SubmitAsync(Leads.Batch(Count, i => i % 3 == 0 ? "llama-70b" : "mistral-7b"));
        var batch = await installation.EndAsync(id, TimeSpan.FromSeconds(60));

        Leads.AssertAllSucceeded(batch, Count);
        Leads.AssertEachAnsweredOnce(await installation.ResultsAsync(id), Count);
        var counts = installation.Simulator.Log.Count();
        Assert.That(counts.Total, Is.EqualTo(Count), "no request was executed twice");
        if (mode is Mode.Real)
        {
            await AssertQueuesAsync(installation);
        }
    }

    private static async Task AssertQueuesAsync(Installation installation)
    {
        var queues = await Servers.RabbitMq.QueuesAsync(installation.VirtualHost);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(queues.Select(queue => queue.Name), Is.SupersetOf(["model-mistral-7b", "model-llama-70b", "batch-state", "submit-batch"]));
            Assert.That(
                queues.Where(queue => queue.Name.EndsWith("_error", StringComparison.Ordinal) || queue.Name.EndsWith("_skipped", StringComparison.Ordinal)).Select(queue => queue.Messages),
                Is.All.Zero);
        }
    }
}
