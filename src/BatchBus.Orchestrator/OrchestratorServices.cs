using BatchBus.Orchestrator.Batches;
using BatchBus.Orchestrator.Dispatch;
using BatchBus.Orchestrator.Sweep;
using BatchBus.Orchestrator.Webhooks;
using BatchBus.RedisSagas;
using BatchBus.Storage;
using BatchBus.Webhooks;
using MassTransit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace BatchBus.Orchestrator;

/// <summary>Registration of the orchestrator role.</summary>
public static class OrchestratorServices
{
    /// <summary>Adds dispatch and the sweeper.</summary>
    public static IServiceCollection AddBatchBusOrchestrator(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddBatchBusStorage();
        services.AddBatchBusWebhooks(configuration);
        services.AddOptions<DispatchOptions>()
            .Bind(configuration.GetSection(DispatchOptions.Section))
            .Validate(options => options.MaxPageSize is >= 1 and <= 32, $"{DispatchOptions.Section}:MaxPageSize must be from 1 to 32.")
            .Validate(options => options.MaxPageBytes > 0, $"{DispatchOptions.Section}:MaxPageBytes must be more than 0.")
            .Validate(options => options.WindowFactor >= 1, $"{DispatchOptions.Section}:WindowFactor must be at least 1.")
            .Validate(options => options.RequeueAfter >= TimeSpan.FromSeconds(1), $"{DispatchOptions.Section}:RequeueAfter must be at least 00:00:01.")
            .ValidateOnStart();
        services.AddOptions<RetentionOptions>()
            .Bind(configuration.GetSection(RetentionOptions.Section))
            .Validate(options => options.Results > TimeSpan.Zero, $"{RetentionOptions.Section}:Results must be more than 0.")
            .ValidateOnStart();
        services.AddOptions<WorkspaceWeights>()
            .Bind(configuration.GetSection(WorkspaceOptions.Section))
            .Validate(weights => weights.Values.All(workspace => workspace.Weight is >= 0.01 and <= 100), $"{WorkspaceOptions.Section}:<name>:Weight must be from 0.01 to 100.")
            .ValidateOnStart();
        services.AddOptions<SweepOptions>();
        services.AddMetrics();
        services.AddSingleton<BatchExecution>();
        services.AddSingleton<BatchMetrics>();
        services.AddSingleton<BatchVisit>();
        services.AddSingleton<DispatchWindow>();
        services.AddSingleton<WebhookDelivery>();
        services.AddHostedService(provider => provider.GetRequiredService<WebhookDelivery>());
        services.AddHostedService<BatchSweeper>();
        return services;
    }

    /// <summary>Adds the saga to the bus, kept in Redis.</summary>
    public static void AddBatchState(this IBusRegistrationConfigurator bus)
        => bus.AddSagaStateMachine<BatchStateMachine, BatchState, BatchStateDefinition>()
            .RedisRepository(saga => saga.KeyFormat = batchId => new BatchKeys(batchId).Saga.ToString());
}
