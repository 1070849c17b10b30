using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Scenarios;

public sealed class When_rabbitmq_fails() : ScenarioFixture(ownBroker: true)
{
    private static readonly TimeSpan AfterItsStart = TimeSpan.FromSeconds(90);

    [Test]
    [Category("postgres_restart_mid_batch")]
    public async Task Nothing_is_lost_and_nothing_is_called_again_after_its_crash()
    {
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3));
        var batch = await SubmitAsync(400);
        await batch.AnsweredAsync(60);

        Deployment.RabbitMq.Kill();
        await Deployment.RabbitMq.RestartAsync();

        await batch.EndsExactAsync(AfterItsStart, Waste);
    }

    [Test]
    [Category("broker_loses_everything")]
    public async Task All_that_it_held_is_sent_again_when_it_has_lost_everything()
    {
        Deployment.SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.3));
        var batch = await SubmitAsync(400);
        await batch.AnsweredAsync(60);

        await Deployment.RabbitMq.EmptyVirtualHostAsync(Deployment.VirtualHost);

        await batch.EndsExactAsync(AfterItsStart, Waste);
    }
}
