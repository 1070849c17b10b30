using MassTransit;

namespace BatchBus.RedisSagas.SecondWriter;

/// <summary>Sixteen events of one saga at once, without a partitioner: as many conflicts as can be; answers leave after the save.</summary>
public class TallyDefinition : SagaDefinition<TallyState>
{
    public TallyDefinition() => ConcurrentMessageLimit = 16;

    protected override void ConfigureSaga(
        IReceiveEndpointConfigurator endpointConfigurator, ISagaConfigurator<TallyState> sagaConfigurator, IRegistrationContext context)
    {
        endpointConfigurator.UseMessageRetry(ConfigureRetry);
        endpointConfigurator.UseInMemoryOutbox(context);
    }

    protected virtual void ConfigureRetry(IRetryConfigurator retry)
    {
        retry.Handle<ConcurrencyException>();
        retry.Immediate(1_000);
    }
}
