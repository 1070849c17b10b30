using System.Text.Json;

namespace BatchBus.Inference.RunPod;

/// <summary>Reads what an endpoint's <c>/health</c> says of its jobs and workers.</summary>
internal static class HealthReply
{
    /// <returns>Null where the reply is none.</returns>
    public static EndpointStatus? Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var reply = JsonDocument.Parse(body);
            var (jobs, workers) = (reply.RootElement.GetProperty("jobs"u8), reply.RootElement.GetProperty("workers"u8));
            var running = Count(workers, "running"u8);
            return new EndpointStatus(running, running + Count(workers, "idle"u8) + Count(workers, "ready"u8), Count(workers, "initializing"u8), Count(jobs, "inQueue"u8));
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return null;
        }
    }

    // Which states are counted has changed over time: one that is missing counts nothing.
    private static int Count(JsonElement counts, ReadOnlySpan<byte> name)
        => counts.TryGetProperty(name, out var count) && count.ValueKind == JsonValueKind.Number && count.TryGetInt32(out var number) ? Math.Max(0, number) : 0;
}
