using BatchBus.RedisSagas.SecondWriter;
using BatchBus.TestServers;
using MassTransit;
using StackExchange.Redis;

namespace BatchBus.RedisSagas.Tests;

public sealed class When_redis_restarts_in_mid_flight
{
    [Test]
    public async Task L_the_retry_stores_the_event_through_the_same_connection()
    {
        await using var server = await RedisServer.StartAsync();
        var configuration = ConfigurationOptions.Parse(server.ConnectionString);
        configuration.BacklogPolicy = BacklogPolicy.FailFast; // or the client would wait for the restart itself, and nothing would be retried
        await using var redis = await ConnectionMultiplexer.ConnectAsync(configuration);
        await using var bus = await TallyBus.StartAsync<TallyStateMachine, RetryingOutages>(nameof(When_redis_restarts_in_mid_flight), redis);
        var id = Guid.NewGuid();
        await bus.AskAsync(new StartTally(id));

        var add = bus.AskAsync(new AddToTally(id, Held: true));
        await bus.Probe.HoldsAsync(1);
        server.Kill();
        bus.Probe.Open();
        await RetryingOutages.FirstFailure.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await server.RestartAsync();

        var answer = await add;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Total, Is.EqualTo(1));
            Assert.That((await bus.LoadAsync(id))!.Total, Is.EqualTo(1));
            Assert.That(bus.Probe.Attempts, Is.EqualTo(3), "the start, and the increment before and after the restart");
        }
    }

    public sealed class RetryingOutages : TallyDefinition
    {
        public static TaskCompletionSource FirstFailure { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override void ConfigureRetry(IRetryConfigurator retry)
        {
            retry.Handle<RedisConnectionException>(_ => FirstFailure.TrySetResult() || FirstFailure.Task.IsCompleted);
            retry.Interval(600, TimeSpan.FromMilliseconds(50));
        }
    }
}
