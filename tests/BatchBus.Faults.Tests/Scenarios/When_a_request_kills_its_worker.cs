using System.Text;
using BatchBus.Faults.Tests.Checks;
using BatchBus.Faults.Tests.Deployed;

namespace BatchBus.Faults.Tests.Scenarios;

public sealed class When_a_request_kills_its_worker : ScenarioFixture
{
    private const int Deadly = 17;
    private const int MostDeaths = 8;

    [Test]
    [Category("recovery_crash_loop")]
    public async Task It_ends_errored_after_a_few_deaths_and_the_others_succeed()
    {
        var workload = new Workload(60);
        var deadly = Encoding.UTF8.GetBytes(workload.Prompt(Deadly));
        var deaths = 0;
        foreach (var worker in Deployment.Workers)
        {
            worker.Model!.OnRequest = request =>
            {
                if (request.Span.IndexOf(deadly) >= 0)
                {
                    Interlocked.Increment(ref deaths);
                    worker.Kill();
                }
            };
        }

        using var over = new CancellationTokenSource();
        var supervising = Task.WhenAll(Deployment.Workers.Select(worker => SuperviseAsync(worker, over.Token)));
        var (_, body) = await Deployment.CreateAsync(workload.Body);
        var batch = Watch(workload, ObservedBatch.IdOf(body));
        try
        {
            await batch.EndsAsync(TimeSpan.FromSeconds(60));
        }
        finally
        {
            await over.CancelAsync();
            await supervising;
        }

        Waste.NoteAll();
        await batch.EndsExactAsync(Soon, Waste, "succeeded", "errored");
        var errored = (await batch.ResultsAsync()).Where(result => result.Value.GetProperty("type").GetString() == "errored").Select(result => result.Key);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(errored, Is.EqualTo([Workload.CustomId(Deadly)]));
            Assert.That(deaths, Is.InRange(2, MostDeaths));
        }
    }

    /// <summary>Starts a worker again whenever it has died, as an orchestration platform does.</summary>
    private static async Task SuperviseAsync(RoleProcess worker, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            if (!worker.IsRunning)
            {
                await worker.LaunchAsync();
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
