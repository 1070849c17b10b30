using MassTransit;
using MassTransit.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace BatchBus.RedisSagas.Tests;

public sealed class When_an_event_is_correlated_by_a_query
{
    [Test]
    public async Task M_it_fails_as_not_implemented_by_design()
    {
        await using var provider = new ServiceCollection()
            .AddSingleton(Servers.Redis)
            .AddMassTransitTestHarness(x => x.AddSagaStateMachine<NamedStateMachine, NamedState>().RedisRepository())
            .BuildServiceProvider(validateScopes: true);
        var harness = await provider.StartTestHarness();

        await harness.Bus.Publish(new NameGiven("a"));

        var fault = await harness.Published.SelectAsync<Fault<NameGiven>>().First();
        Assert.That(fault.Context.Message.Exceptions[0].ExceptionType, Is.EqualTo(typeof(NotImplementedByDesignException).FullName));
        await harness.Stop();
    }

    public sealed record NameGiven(string Name);

    public sealed class NamedState : SagaStateMachineInstance, ISagaVersion
    {
        public Guid CorrelationId { get; set; }

        public int Version { get; set; }

        public string? CurrentState { get; set; }

        public string? Name { get; set; }
    }

    public sealed class NamedStateMachine : MassTransitStateMachine<NamedState>
    {
        public NamedStateMachine()
        {
            Event(() => Given, x => x.CorrelateBy((saga, context) => saga.Name == context.Message.Name).SelectId(_ => NewId.NextGuid()));
            InstanceState(x => x.CurrentState);
            Initially(When(Given).TransitionTo(Named));
        }

        public State Named { get; } = null!;

        public Event<NameGiven> Given { get; } = null!;
    }
}
