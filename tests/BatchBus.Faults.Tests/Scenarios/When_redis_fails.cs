using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Scenarios;

public sealed class When_redis_fails : ScenarioFixture
{
    [Test]
    [Category("postgres_restart_mid_batch")]
    public async Task Nothing_is_lost_and_nothing_is_called_again_after_its_crash()
    {
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3));
        var batch = await SubmitAsync(400);
        await batch.AnsweredAsync(60);

        Deployment.Redis.Kill();
        await Deployment.Redis.RestartAsync();

        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    [Category("postgres_restart_mid_batch")]
    public async Task Nothing_is_lost_and_nothing_is_called_again_after_an_outage_longer_than_the_leases()
    {
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3));
        var batch = await SubmitAsync(400);
        await batch.AnsweredAsync(60);

        Deployment.Redis.Kill();
        var away = Deployment.Witness.Now;
        await Eventually.ThatAsync(() => Deployment.Witness.Now > away + TimeSpan.FromSeconds(4), "the leases have lapsed");
        await Deployment.Redis.RestartAsync();

        await batch.EndsExactAsync(Soon, Waste);
    }

    [Test]
    [Category("disk_full")]
    public async Task A_full_one_is_waited_for_and_what_it_refuses_is_answered_with_an_error()
    {
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3));
        var batch = await SubmitAsync(400);
        await batch.AnsweredAsync(60);
        var server = Deployment.Connection.GetServers()[0];
        var refused = new Checks.Workload(20);

        // Every write is refused with an error and every read answered, as Redis does on a full disk (MISCONF) and in full memory (OOM).
        await server.ConfigSetAsync("maxmemory", "1");
        var (status, body) = await Deployment.CreateAsync(refused.Body);
        await server.ConfigSetAsync("maxmemory", "0");

        Assert.That((int)status!, Is.EqualTo(529), body);
        await batch.EndsExactAsync(Soon, Waste);
        Assert.That(Deployment.Witness.Calls.Where(call => refused.IndexByKey.ContainsKey(call.Key)), Is.Empty);
    }
}
