using BatchBus.Storage.Batches;
using BatchBus.Storage.Clock;
using BatchBus.Storage.Endpoints;
using BatchBus.Storage.Fleet;
using BatchBus.Storage.Limits;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Storage.Schedule;
using BatchBus.Storage.Submissions;
using BatchBus.Storage.Usage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace BatchBus.Storage;

/// <summary>Registration of the store.</summary>
public static class StorageServices
{
    /// <summary>Adds the stores; the composition root provides the <see cref="StackExchange.Redis.IConnectionMultiplexer"/>.</summary>
    public static IServiceCollection AddBatchBusStorage(this IServiceCollection services)
    {
        services.TryAddSingleton<StoreClock>();
        services.TryAddSingleton<TimeProvider>(provider => provider.GetRequiredService<StoreClock>());
        services.AddHostedService<StoreClockReader>();
        services.TryAddSingleton<BacklogReader>();
        services.TryAddSingleton<BatchSchedule>();
        services.TryAddSingleton<BatchStore>();
        services.TryAddSingleton<EndpointMeter>();
        services.TryAddSingleton<EndpointStore>();
        services.TryAddSingleton<FleetStore>();
        services.TryAddSingleton<LimitStore>();
        services.TryAddSingleton<PageStore>();
        services.TryAddSingleton(new StoreRoom(most: null, TimeProvider.System));
        services.TryAddSingleton<RequestLister>();
        services.TryAddSingleton<RequestStore>();
        services.TryAddSingleton<ResultStore>();
        services.TryAddSingleton<SubmissionStore>();
        services.TryAddSingleton<UsageLedger>();
        return services;
    }
}
