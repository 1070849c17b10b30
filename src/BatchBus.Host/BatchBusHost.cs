using System.Globalization;
using System.Net;
using System.Text.Json;
using BatchBus.Api;
using BatchBus.Api.Keys;
using BatchBus.Host.Embedded;
using BatchBus.Host.Faults;
using BatchBus.Host.Observability;
using BatchBus.Inference;
using BatchBus.Inference.Catalog;
using BatchBus.Orchestrator;
using BatchBus.Orchestrator.Sweep;
using BatchBus.Simulator;
using BatchBus.Storage;
using BatchBus.Storage.Usage;
using BatchBus.Worker;
using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using Serilog;
using Serilog.Events;
using StackExchange.Redis;

namespace BatchBus.Host;

/// <summary>Composes a BatchBus process: its roles, its servers, its logs and its health.</summary>
public static class BatchBusHost
{
    private const string DefaultUrl = "http://127.0.0.1:8080";
    private const string ReadyTag = "ready";
    private const string BusCheck = "masstransit-bus";

    /// <summary>Composes a process that is ready to be run.</summary>
    /// <param name="args">Settings from the command line, <c>--name value</c>.</param>
    /// <param name="configure">Last word on the settings, for a caller that is itself a program.</param>
    /// <exception cref="InvalidSettingsException">The settings do not allow a start.</exception>
    public static async Task<WebApplication> BuildAsync(string[] args, Action<IConfigurationManager>? configure = null)
    {
        // Settings are read once; watching for changes would watch the whole working directory.
        var builder = WebApplication.CreateSlimBuilder([.. args, "--hostBuilder:reloadConfigOnChange=false"]);
        configure?.Invoke(builder.Configuration);
        var settings = builder.AddSettings();
        builder.AddLogging(settings.LogFormat);
        builder.WebHost.UseKestrel(kestrel => kestrel.AddServerHeader = false);
        if (string.IsNullOrEmpty(builder.Configuration["urls"]) && !builder.Configuration.GetSection("Kestrel:Endpoints").Exists())
        {
            builder.WebHost.UseUrls(DefaultUrl);
        }

        var services = builder.Services;
        services.AddHealth();
        var name = builder.Configuration["OTEL_SERVICE_NAME"];
        services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(string.IsNullOrEmpty(name) ? "batchbus" : name))
            .WithMetrics(metrics => metrics.AddMeter(Telemetry.Name, "Microsoft.AspNetCore.Hosting", "System.Runtime").AddPrometheusExporter());
        services.AddTracing(builder.Configuration);
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));
        await services.AddRedisAsync(settings);
        await services.AddSimulatorAsync();
        services.AddBus(settings);

        // Stopping goes in reverse: roles finish what they hold while the bus still carries their reports.
        services.AddRoles(settings, builder.Configuration);

        var app = builder.Build();
        app.MapHealth();
        app.MapPrometheusScrapingEndpoint("/metrics");
        if (settings.Roles.Contains(HostRole.Api))
        {
            app.UseApiErrors();
            app.UseRouting();
            app.MapBatchBusApi();
        }

        app.Lifetime.ApplicationStarted.Register(() => app.Announce(settings));
        return app;
    }

    /// <summary>Reads and checks the settings as a start would, and starts nothing.</summary>
    /// <param name="args">Settings from the command line, <c>--name value</c>.</param>
    /// <exception cref="InvalidSettingsException">The settings do not allow a start.</exception>
    public static InspectedSettings Inspect(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder([.. args, "--hostBuilder:reloadConfigOnChange=false"]);
        var settings = builder.AddSettings();
        builder.Services.AddRoles(settings, builder.Configuration);
        using var services = builder.Services.BuildServiceProvider();
        services.GetService<IStartupValidator>()?.Validate();
        var models = services.GetRequiredService<IOptionsMonitor<ModelOptions>>();
        var catalog = services.GetRequiredService<ModelCatalog>();
        return new InspectedSettings(
            settings, builder.Configuration["urls"] is { Length: > 0 } urls ? urls : DefaultUrl, catalog.Models, catalog.Models.ToDictionary(model => model.Name, model => models.Get(model.Name)));
    }

    /// <summary>What a process needs of its settings, whatever its roles and servers.</summary>
    private static HostSettings AddSettings(this WebApplicationBuilder builder)
    {
        var settings = HostSettings.Read(builder.Configuration);
        RefuseOpenDoor(builder.Configuration);
        var services = builder.Services;
        services.AddSingleton(settings);

        // Before the others, who would bring the system's clock: this one is everybody's.
        services.AddBatchBusStorage();
        services.AddOptions<UsageOptions>()
            .Bind(builder.Configuration.GetSection(UsageOptions.Section))
            .Validate(options => options.UsageRetention > TimeSpan.Zero && options.UsageRetention <= UsageOptions.Longest, $"{UsageOptions.Section}:UsageRetention must be more than 0 and at most {UsageOptions.Longest.TotalDays:0} days.")
            .ValidateOnStart();
        services.AddBatchBusInference(builder.Configuration);
        return settings;
    }

    /// <summary>Without keys anybody who can connect is let in, so only this machine may be able to connect.</summary>
    private static void RefuseOpenDoor(ConfigurationManager configuration)
    {
        if (configuration.GetSection(ApiKeyOptions.Section).GetChildren().Any())
        {
            return;
        }

        foreach (var url in (configuration["urls"] ?? DefaultUrl).Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var host = BindingAddress.Parse(url).Host;
            if (host != "localhost" && !(IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address)))
            {
                throw new InvalidSettingsException(
                    $"No API key is configured and {url} can be reached from other machines. Make a key with `batchbus keys create` and set BatchBus__ApiKeys__0__Workspace and BatchBus__ApiKeys__0__Hash, or listen on 127.0.0.1.");
            }
        }
    }

    private static void AddLogging(this WebApplicationBuilder builder, LogFormat format)
    {
        var minimum = Enum.TryParse<LogEventLevel>(builder.Configuration["BatchBus:LogLevel"], ignoreCase: true, out var level) ? level : LogEventLevel.Information;
        builder.Services.AddSerilog(log => (format is LogFormat.Json
                ? log.WriteTo.Console(new PlainJsonFormatter())
                : log.WriteTo.Console(
                    outputTemplate: "{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:l}{NewLine}{Exception}",
                    formatProvider: CultureInfo.InvariantCulture,
                    standardErrorFromLevel: LogEventLevel.Verbose))
            .MinimumLevel.Is(minimum)
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            // A line for each look at something that is not well; HealthWatch tells of it once.
            .MinimumLevel.Override("Microsoft.Extensions.Diagnostics.HealthChecks", LogEventLevel.Fatal)
            .MinimumLevel.Override("System.Net.Http", LogEventLevel.Warning)
            .MinimumLevel.Override("MassTransit", LogEventLevel.Warning)
            // The exception reaches whoever starts the host, who explains it; its stack trace would bury the explanation.
            .Filter.ByExcluding(entry => entry.MessageTemplate.Text == "Hosting failed to start"));
    }

    private static async Task AddRedisAsync(this IServiceCollection services, HostSettings settings)
    {
        var connectionString = settings.Redis;
        if (connectionString is null)
        {
            var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
            var store = await EmbeddedStore.StartAsync(settings.DataDirectory, memory);
            services.AddSingleton(new StoreRoom(settings.MaxMemoryMb * 1_000_000L ?? memory / 2, TimeProvider.System));
            services.AddSingleton(_ => store);
            services.AddHostedService<EmbeddedRecovery>();
            connectionString = store.ConnectionString;
        }

        ConfigurationOptions redis;
        try
        {
            redis = ConfigurationOptions.Parse(connectionString);
        }
        catch (ArgumentException exception)
        {
            throw new InvalidSettingsException($"ConnectionStrings:Redis cannot be read: {exception.Message}");
        }

        redis.AbortOnConnectFail = false;
        redis.ClientName = "batchbus";
        redis.IncludeDetailInExceptions = false;
        var connection = await ConnectionMultiplexer.ConnectAsync(redis);
        services.AddSingleton<IConnectionMultiplexer>(_ => connection);
    }

    /// <summary>Models without an endpoint are answered by the simulator, in this process.</summary>
    private static async Task AddSimulatorAsync(this IServiceCollection services)
    {
        var simulator = await SimulatorServer.StartAsync(new SimulatorOptions { Latency = SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(400), 0.3) });
        services.AddSingleton(_ => simulator);
        services.PostConfigureAll<ModelOptions>(model =>
        {
            if (!model.HasEndpoint)
            {
                model.BaseUrl = new Uri(simulator.BaseAddress, "v1").AbsoluteUri;
                model.Protocol = ModelProtocol.OpenAi;
                model.Simulated = true;
            }
        });
    }

    private static void AddRoles(this IServiceCollection services, HostSettings settings, IConfiguration configuration)
    {
        if (settings.Roles.Contains(HostRole.Api))
        {
            services.AddBatchBusApi(configuration);
        }

        if (settings.Roles.Contains(HostRole.Orchestrator))
        {
            services.AddBatchBusOrchestrator(configuration);
            services.AddHostedService<StoreMetrics>();
            if (settings.IsEmbedded)
            {
                // Now, not when the options are first read: what was sent in between is on this bus.
                var startedAt = TimeProvider.System.GetUtcNow();
                services.Configure<SweepOptions>(sweep => sweep.BusStartedAt = startedAt);
            }
        }

        if (settings.Roles.Contains(HostRole.Worker))
        {
            services.AddBatchBusWorker(configuration);
        }
    }

    private static void AddBus(this IServiceCollection services, HostSettings settings)
    {
        services.AddOptions<MassTransitHostOptions>().Configure(options =>
        {
            options.StopTimeout = TimeSpan.FromSeconds(15);
            options.ConsumerStopTimeout = TimeSpan.FromSeconds(2);
        });
        services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            bus.SetKebabCaseEndpointNameFormatter();
            if (settings.Roles.Contains(HostRole.Api))
            {
                bus.AddSubmitBatch();
            }

            if (settings.Roles.Contains(HostRole.Orchestrator))
            {
                bus.AddBatchState();
            }

            if (settings.Roles.Contains(HostRole.Worker))
            {
                bus.AddModelConsumers();
            }

            if (Failpoint.Armed is { } failpoint)
            {
                var observer = new FailpointObserver(failpoint);
                bus.AddConsumeObserver(_ => observer);
                bus.AddPublishObserver(_ => observer);
                bus.AddSendObserver(_ => observer);
            }

            bus.ConfigureHealthCheckOptions(health => health.Name = BusCheck);
            bus.AddConfigureEndpointsCallback((name, endpoint) =>
            {
                if (name == "batch-state" && endpoint is IRabbitMqReceiveEndpointConfigurator queue)
                {
                    // Of several orchestrators one works the queue; the compare-and-set of the saga is the safety net.
                    queue.SingleActiveConsumer = true;
                }
            });
            if (settings.RabbitMq is { } address)
            {
                bus.UsingRabbitMq((context, rabbitMq) =>
                {
                    rabbitMq.Host(new Uri(address), host => host.Heartbeat(TimeSpan.FromSeconds(10)));
                    Endpoints(context, rabbitMq);
                });
            }
            else
            {
                bus.UsingInMemory((context, memory) => Endpoints(context, memory));
            }
        });

        void Endpoints<T>(IBusRegistrationContext context, IBusFactoryConfigurator<T> bus)
            where T : IReceiveEndpointConfigurator
        {
            // Half of an indented report of a page is blanks, on the bus and in the sagas, which are written the same way.
            bus.ConfigureJsonSerializerOptions(json => json.WriteIndented ? new JsonSerializerOptions(json) { WriteIndented = false } : json);
            if (settings.Roles.Contains(HostRole.Worker))
            {
                bus.ConfigureModelEndpoints(context);
            }

            bus.ConfigureEndpoints(context);
        }
    }

    private static void AddHealth(this IServiceCollection services)
    {
        services.AddHealthChecks()
            .AddCheck<RedisHealth>("redis", tags: [ReadyTag])
            .AddCheck<RabbitMqHealth>("rabbitmq", tags: [ReadyTag])
            .AddCheck<EndpointHealth>("endpoints", tags: [ReadyTag])
            .AddCheck<ClockHealth>("clock", tags: [ReadyTag]);

        // MassTransit's own check speaks of endpoints and consumers; RabbitMqHealth asks the same and says it in an operator's words.
        services.PostConfigure<HealthCheckServiceOptions>(checks =>
        {
            foreach (var own in checks.Registrations.Where(check => check.Name == BusCheck).ToList())
            {
                checks.Registrations.Remove(own);
            }
        });
        services.AddSingleton<IHealthCheckPublisher, HealthWatch>();
        services.Configure<HealthCheckPublisherOptions>(watch =>
        {
            watch.Predicate = check => check.Tags.Contains(ReadyTag);
            watch.Period = HealthWatch.Interval;
            watch.Delay = HealthWatch.Interval;
        });
    }

    private static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false, ResponseWriter = HealthResponse.WriteAsync });
        app.MapHealthChecks("/health/ready", new HealthCheckOptions
        {
            Predicate = check => check.Tags.Contains(ReadyTag),
            ResponseWriter = HealthResponse.WriteAsync,
            ResultStatusCodes =
            {
                [HealthStatus.Degraded] = StatusCodes.Status503ServiceUnavailable,
            },
        });
    }

    private static void Announce(this WebApplication app, HostSettings settings)
    {
        var log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("BatchBus");
        HostLog.Started(
            log,
            string.Join(" ", app.Urls),
            string.Join(", ", settings.Roles.Order().Select(role => role.ToString().ToLowerInvariant())),
            settings.IsEmbedded ? $"embedded, data in {settings.DataDirectory}" : "RabbitMQ and Redis");
        app.Lifetime.ApplicationStopping.Register(() => HostLog.Stopping(log));
        foreach (var model in app.Services.GetRequiredService<ModelCatalog>().Models)
        {
            if (model.IsSimulated)
            {
                HostLog.Simulated(log, model.Name);
            }
            else
            {
                foreach (var endpoint in model.Endpoints)
                {
                    HostLog.Endpoint(log, endpoint.Name, endpoint.Address.GetLeftPart(UriPartial.Path), endpoint.Protocol);
                }
            }
        }
    }
}
