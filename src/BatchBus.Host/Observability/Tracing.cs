using BatchBus.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Trace;

namespace BatchBus.Host.Observability;

/// <summary>Traces over OTLP, by OpenTelemetry's own settings (<c>OTEL_…</c>); none, and no cost, without an endpoint.</summary>
internal static class Tracing
{
    private static readonly string[] EndpointSettings = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

    public static void AddTracing(this IServiceCollection services, IConfiguration configuration)
    {
        if (EndpointSettings.All(setting => string.IsNullOrEmpty(configuration[setting])))
        {
            return;
        }

        services.AddOpenTelemetry().WithTracing(tracing => tracing
            .AddAspNetCoreInstrumentation(requests => requests.Filter = context => !IsProbe(context.Request.Path))
            .AddSource("MassTransit", Telemetry.Name)
            .AddOtlpExporter());
    }

    /// <summary>What only machines ask every few seconds would bury everything else.</summary>
    private static bool IsProbe(PathString path) => path == "/metrics" || path.StartsWithSegments("/health");
}
