using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Scenarios;

/// <summary>With <c>appendfsync everysec</c> calls may be repeated; still no batch sticks and counts equal results.</summary>
public sealed class When_redis_loses_its_last_second() : ScenarioFixture(appendFsync: "everysec")
{
    [Test]
    public async Task The_batch_ends_with_one_result_for_each_request_and_counts_that_equal_them()
    {
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3));
        var batch = await SubmitAsync(500);
        await batch.AnsweredAsync(60);
        var kept = Deployment.Redis.AppendOnlyBytes;
        await batch.AnsweredAsync(160);

        batch.MayForget = true;
        Deployment.Redis.Kill();
        Deployment.Redis.TruncateAppendOnlyFile(kept);
        await Deployment.Redis.RestartAsync();
        batch.ForgetDurable();

        await batch.EndsAsync(Soon);
        Waste.NoteAll();
        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    public async Task A_batch_that_had_ended_in_it_ends_again()
    {
        var batch = await SubmitAsync(60);
        await Eventually.ThatAsync(() => batch.Calls.Count > 0, "it has begun");
        var kept = Deployment.Redis.AppendOnlyBytes;
        await batch.AnsweredAsync(60);
        await Eventually.ThatAsync(async () => (await Deployment.Batches.FindAsync(batch.BatchId))!.Announced, "its end is announced");

        Deployment.Redis.Kill();
        Deployment.Redis.TruncateAppendOnlyFile(kept);
        await Deployment.Redis.RestartAsync();
        await LeaveAsync(batch);

        // Watched anew: what was seen of it before is the loss that everysec allows.
        var again = Watch(batch.Workload, batch.Id);
        await again.EndsAsync(Soon);
        Waste.NoteAll();
        await again.EndsExactAsync(Soon, Waste);
    }
}
