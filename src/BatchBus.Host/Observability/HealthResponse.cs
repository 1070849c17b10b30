using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace BatchBus.Host.Observability;

/// <summary>The body of the health answers: each part with its state, and in words what is wrong.</summary>
internal static class HealthResponse
{
    public static async Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteString("status", Word(report.Status));
        json.WriteStartObject("parts");
        foreach (var (name, entry) in report.Entries)
        {
            json.WriteStartObject(name == "masstransit-bus" ? "rabbitmq" : name);
            json.WriteString("status", entry.Data.ContainsKey(EndpointHealth.Alarm) ? "alarm" : Word(entry.Status));
            json.WriteString("description", entry.Description);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string Word(HealthStatus status) => status is HealthStatus.Healthy ? "ready" : "not ready";
}
