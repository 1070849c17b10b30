using BatchBus.Storage;
using BatchBus.Storage.Pages;
using BatchBus.Worker.Endpoints;
using BatchBus.Worker.Execution;
using BatchBus.Worker.Leases;
using MassTransit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace BatchBus.Worker;

/// <summary>Registration of the worker role.</summary>
public static class WorkerServices
{
    /// <summary>Adds page execution and the upkeep of its leases.</summary>
    public static IServiceCollection AddBatchBusWorker(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddBatchBusStorage();
        services.AddOptions<WorkerOptions>()
            .Bind(configuration.GetSection(WorkerOptions.Section))
            .Validate(
                options => options.Lease >= TimeSpan.FromSeconds(1) && options.Lease <= PageStore.LongestLease,
                $"{WorkerOptions.Section}:Lease must be from 00:00:01 to {PageStore.LongestLease}.")
            .Validate(options => options.StopGrace >= TimeSpan.Zero, $"{WorkerOptions.Section}:StopGrace must not be negative.")
            .Validate(options => options.TrialInterval >= TimeSpan.FromSeconds(1), $"{WorkerOptions.Section}:TrialInterval must be 00:00:01 or more.")
            .ValidateOnStart();
        services.AddSingleton<CallTelemetry>();
        services.AddSingleton<HeldPages>();
        services.AddSingleton<ModelWorkers>();
        services.AddSingleton<PageExecutor>();
        services.AddMetrics();
        services.AddHostedService<EndpointMetrics>();

        // Stopped in reverse: leases are kept until the last page is finished or handed back.
        services.AddHostedService<LeaseKeeper>();
        services.AddHostedService<EndpointKeeper>();
        services.AddHostedService(provider => provider.GetRequiredService<PageExecutor>());
        return services;
    }

    /// <summary>Adds the consumer of pages to the bus; <see cref="ConfigureModelEndpoints"/> gives it its queues.</summary>
    public static void AddModelConsumers(this IBusRegistrationConfigurator bus)
        => bus.AddConsumer<ExecuteRequestsConsumer>().ExcludeFromConfigureEndpoints();

    /// <summary>
    /// Adds one queue per model, <c>model-{name}</c>. The broker hands out few pages beyond those that are leased: a worker takes the
    /// next when it has room for it.
    /// </summary>
    public static void ConfigureModelEndpoints<T>(this IBusFactoryConfigurator<T> bus, IRegistrationContext context)
        where T : IReceiveEndpointConfigurator
    {
        foreach (var worker in context.GetRequiredService<ModelWorkers>().All)
        {
            bus.ReceiveEndpoint($"model-{worker.Model}", endpoint =>
            {
                var pages = Math.Clamp(worker.Slots / 16, 2, 16);
                endpoint.ConfigureConsumeTopology = false;
                endpoint.PrefetchCount = pages;
                endpoint.ConcurrentMessageLimit = pages;
                endpoint.UseMessageRetry(retry =>
                {
                    retry.Handle<StackExchange.Redis.RedisException>();
                    retry.Handle<StackExchange.Redis.RedisTimeoutException>();
                    retry.Exponential(100_000, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(15), TimeSpan.FromMilliseconds(200));
                });
                endpoint.ConfigureConsumer<ExecuteRequestsConsumer>(context);
            });
        }
    }
}
