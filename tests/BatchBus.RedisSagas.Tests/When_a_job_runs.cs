using MassTransit;
using MassTransit.Configuration;
using MassTransit.Contracts.JobService;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace BatchBus.RedisSagas.Tests;

/// <summary>MassTransit's own three job sagas on this repository: the most demanding state machines at hand.</summary>
public sealed class When_a_job_runs
{
    [Test]
    public async Task A_it_completes()
    {
        await using var provider = new ServiceCollection()
            .AddSingleton(Servers.Redis)
            .AddMassTransitTestHarness(x =>
            {
                x.AddConsumer<CopyConsumer>();
                x.AddJobSagaStateMachines().UseRepositoryRegistrationProvider(new JobSagasInRedis());
            })
            .BuildServiceProvider(validateScopes: true);
        var harness = await provider.StartTestHarness();

        var id = await harness.Bus.CreateRequestClient<SubmitJob<CopyFile>>().SubmitJob(new CopyFile("a"), CancellationToken.None);

        Assert.That(await harness.Published.Any<JobCompleted<CopyFile>>(x => x.Context.Message.JobId == id), Is.True);
        await harness.Stop();
    }

    public sealed record CopyFile(string Path);

    public sealed class CopyConsumer(IConnectionMultiplexer redis) : IJobConsumer<CopyFile>
    {
        // A job that failed does not complete.
        public async Task Run(JobContext<CopyFile> context) =>
            Assert.That(await redis.GetDatabase().KeyExistsAsync($"{typeof(JobSaga).FullName}:{context.JobId:N}"), Is.True);
    }

    private sealed class JobSagasInRedis : ISagaRepositoryRegistrationProvider
    {
        public void Configure<TSaga>(ISagaRegistrationConfigurator<TSaga> configurator)
            where TSaga : class, ISaga
        {
            _ = configurator switch
            {
                ISagaRegistrationConfigurator<JobSaga> job => (object)job.RedisRepository(),
                ISagaRegistrationConfigurator<JobTypeSaga> type => type.RedisRepository(),
                ISagaRegistrationConfigurator<JobAttemptSaga> attempt => attempt.RedisRepository(),
                _ => throw new ArgumentException($"{typeof(TSaga)} is not a job saga.", nameof(configurator)),
            };
        }
    }
}
