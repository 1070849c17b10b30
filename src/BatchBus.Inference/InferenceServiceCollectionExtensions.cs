using System.Net.Http.Headers;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.OpenAi;
using BatchBus.Inference.Routing;
using BatchBus.Inference.RunPod;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Refit;

namespace BatchBus.Inference;

/// <summary>Registers the model catalogue, routing and model clients.</summary>
public static class InferenceServiceCollectionExtensions
{
    // More than the requests in flight: looks at jobs and cancellations come on top.
    private const int SpareConnections = 64;

    /// <summary>
    /// Registers <see cref="ModelCatalog"/>, <see cref="ModelRouter"/> and, keyed by its name, one <see cref="IModelClient"/> per endpoint of
    /// a model of the catalogue. Settings are read from <c>BatchBus:Models</c> and <c>BatchBus:Routing</c> and checked at start. A model
    /// without an endpoint can be pointed at one with <c>PostConfigureAll&lt;ModelOptions&gt;</c>; asking for its client before that
    /// throws <see cref="InvalidOperationException"/>.
    /// </summary>
    public static IServiceCollection AddBatchBusInference(this IServiceCollection services, IConfiguration configuration)
    {
        var names = ModelNames.From(configuration);
        services.AddSingleton(names);
        services.TryAddSingleton(TimeProvider.System);

        services.AddOptions<RoutingOptions>()
            .Bind(configuration.GetSection(RoutingOptions.SectionName), RefuseUnknownSettings)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<RoutingOptions>, RoutingOptionsValidator>();
        services.AddSingleton<IValidateOptions<ModelOptions>, ModelOptionsValidator>();
        foreach (var name in names.All)
        {
            services.AddModel(name, configuration.GetSection($"{ModelOptions.SectionName}:{name}"));
        }

        services.AddSingleton(provider => new ModelCatalog(
            names, provider.GetRequiredService<IOptionsMonitor<ModelOptions>>(), provider.GetRequiredService<IOptions<RoutingOptions>>().Value));
        services.AddSingleton(provider => new ModelRouter(
            provider.GetRequiredService<ModelCatalog>(), provider.GetRequiredService<IOptions<RoutingOptions>>().Value));
        return services;
    }

    private static void AddModel(this IServiceCollection services, string name, IConfigurationSection section)
    {
        services.AddOptions<ModelOptions>(name)
            .Configure(options => BuiltInModels.Configure(name, options))
            .Bind(section, RefuseUnknownSettings)
            .ValidateOnStart();

        for (var rank = 1; rank <= 1 + section.GetSection(nameof(ModelOptions.Fallbacks)).GetChildren().Count(); rank++)
        {
            services.AddEndpoint(name, rank);
        }
    }

    private static void AddEndpoint(this IServiceCollection services, string model, int rank)
    {
        var name = ModelEndpoint.NameOf(model, rank);
        var httpClient = $"endpoint:{name}";
        services.AddKeyedRefitGeneratedClient<IOpenAiApi>(name, (RefitSettings?)null, httpClient);
        services.AddKeyedRefitGeneratedClient<IRunPodApi>(name, (RefitSettings?)null, httpClient)
            .ConfigureHttpClient((provider, client) => ConfigureClient(client, OptionsOf(provider, model, rank)))
            .ConfigurePrimaryHttpMessageHandler(provider => CreateHandler(OptionsOf(provider, model)))
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .RemoveAllLoggers();
        services.AddKeyedSingleton<IModelClient>(name, (provider, _) => CreateModelClient(provider, model, rank));
    }

    private static ModelOptions OptionsOf(IServiceProvider provider, string name) => provider.GetRequiredService<IOptionsMonitor<ModelOptions>>().Get(name);

    private static EndpointOptions OptionsOf(IServiceProvider provider, string model, int rank)
        => OptionsOf(provider, model) is var options && rank == 1 ? options : options.Fallbacks[rank - 2];

    private static void ConfigureClient(HttpClient client, EndpointOptions options)
    {
        client.BaseAddress = ModelEndpoint.AddressOf(options);
        client.Timeout = Timeout.InfiniteTimeSpan;
        if (!string.IsNullOrEmpty(options.ApiKey))
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", options.ApiKey);
        }
    }

    private static SocketsHttpHandler CreateHandler(ModelOptions options) => new()
    {
        AllowAutoRedirect = false,
        ConnectTimeout = options.ConnectTimeout,
        MaxConnectionsPerServer = options.Prefetch + SpareConnections,

        // Model clients live as long as the process: this is what makes them follow a change of address.
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        UseCookies = false,
    };

    private static IModelClient CreateModelClient(IServiceProvider provider, string name, int rank)
    {
        var timeProvider = provider.GetRequiredService<TimeProvider>();
        if (!provider.GetRequiredService<ModelCatalog>().TryGetModel(name, out var model) || model.Endpoints.Count < rank)
        {
            throw new InvalidOperationException(
                $"The model {name} has no endpoint; set {ModelOptions.SectionName}:{name}:BaseUrl or {ModelOptions.SectionName}:{name}:EndpointId.");
        }

        var endpoint = model.Endpoints[rank - 1];
        return endpoint.Protocol switch
        {
            ModelProtocol.RunPodJobs => new RunPodModelClient(provider.GetRequiredKeyedService<IRunPodApi>(endpoint.Name), endpoint, model, timeProvider),
            ModelProtocol.OpenAi => new OpenAiModelClient(provider.GetRequiredKeyedService<IOpenAiApi>(endpoint.Name), endpoint, model, timeProvider),
            _ => throw new InvalidOperationException($"The protocol {endpoint.Protocol} of the endpoint {endpoint.Name} has no client."),
        };
    }

    // A misspelt setting would otherwise leave its default in force unnoticed.
    private static void RefuseUnknownSettings(BinderOptions options) => options.ErrorOnUnknownConfiguration = true;
}
