using MassTransit;
using MassTransit.Middleware;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace BatchBus.Api.Batches.Submit;

/// <summary>The queue <c>submit-batch</c>: an outage of the store is waited out, never a reason to reject.</summary>
internal sealed class SubmitBatchConsumerDefinition : ConsumerDefinition<SubmitBatchConsumer>
{
    public SubmitBatchConsumerDefinition()
    {
        EndpointName = "submit-batch";
        ConcurrentMessageLimit = 8;
    }

    protected override void ConfigureConsumer(
        IReceiveEndpointConfigurator endpointConfigurator, IConsumerConfigurator<SubmitBatchConsumer> consumerConfigurator, IRegistrationContext context)
    {
        endpointConfigurator.ConfigureError(error =>
        {
            error.UseFilter(ActivatorUtilities.CreateInstance<MalformedSubmission>(context));
            error.UseFilter(new GenerateFaultFilter());
            error.UseFilter(new ErrorTransportFilter());
        });
        endpointConfigurator.UseMessageRetry(retry =>
        {
            retry.Handle<RedisException>();
            retry.Handle<RedisTimeoutException>();
            retry.Handle<ConcurrencyException>();
            retry.Handle<UnknownFateException>();
            retry.Handle<Errors.ApiException>();
            retry.Exponential(100_000, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(15), TimeSpan.FromMilliseconds(200));
        });
    }
}
