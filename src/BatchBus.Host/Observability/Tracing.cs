using System.Diagnostics;
using BatchBus.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Resources;
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

        // ASP.NET Core describes its spans by the conventions if it is asked to; from .NET 11 on it does so unasked.
        AppContext.SetSwitch("Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData", false);
        var name = configuration["OTEL_SERVICE_NAME"];
        services.AddOpenTelemetry().WithTracing(tracing => tracing
            .ConfigureResource(resource => resource.AddService(string.IsNullOrEmpty(name) ? "batchbus" : name))
            .AddSource("Microsoft.AspNetCore", "MassTransit", Telemetry.Name)
            .AddProcessor(new ProbeFilter())
            .AddOtlpExporter());
    }

    /// <summary>Keeps to itself what only machines ask every few seconds. Stands before the exporter, who passes over what is not recorded.</summary>
    private sealed class ProbeFilter : BaseProcessor<Activity>
    {
        public override void OnEnd(Activity data)
        {
            if (data.Kind is ActivityKind.Server && data.GetTagItem("url.path") is string path
                && (path == "/metrics" || path.StartsWith("/health/", StringComparison.Ordinal)))
            {
                data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
            }
        }
    }
}
