using System.Text.Json;
using System.Text.RegularExpressions;
using BatchBus.Inference.Catalog;
using BatchBus.Inference.Errors;
using BatchBus.Inference.Mapping;

namespace BatchBus.Inference.RunPod;

/// <summary>Reads what RunPod says about a job.</summary>
internal static partial class JobReply
{
    /// <summary>The id of the job that was submitted, or null if the reply names none that could stand in a path.</summary>
    public static string? IdOf(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var reply = JsonDocument.Parse(body);
            return reply.RootElement.TextOf("id"u8) is { } id && JobId.IsMatch(id) ? id : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The outcome of a job that is over, otherwise null.</summary>
    /// <param name="body">The reply.</param>
    /// <param name="model">The model that the job ran on.</param>
    /// <param name="request">The request that the job answers.</param>
    /// <param name="elapsed">Time since the job was submitted, for a reply that does not report its own.</param>
    /// <param name="observe">Is told how long a completed job took.</param>
    public static InferenceOutcome? Read(ReadOnlyMemory<byte> body, CatalogModel model, ChatRequest request, TimeSpan elapsed, Action<TimeSpan> observe)
    {
        try
        {
            using var reply = JsonDocument.Parse(body);
            var job = reply.RootElement;
            switch (job.TextOf("status"u8))
            {
                case "COMPLETED":
                    var executionTime = MillisecondsOf(job, "executionTime"u8);
                    if (executionTime is { } execution)
                    {
                        observe(execution + (MillisecondsOf(job, "delayTime"u8) ?? TimeSpan.Zero));
                    }

                    return ChatCompletionReader.Read(OutputOf(job), model, request, executionTime ?? elapsed);
                case "FAILED":
                    return JobFailure.Read(job);
                case "TIMED_OUT":
                    return EndpointFailure.Failed(InferenceError.Timeout, "the job timed out");
                case "CANCELLED":
                    return EndpointFailure.Failed(InferenceError.JobLost, "the job was canceled by somebody else");
                default:
                    return null;
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    // A worker yields its output piece by piece, so the one completion comes as a list of one.
    private static JsonElement OutputOf(JsonElement job) => job.TryGetProperty("output"u8, out var output)
        ? output.ValueKind == JsonValueKind.Array && output.GetArrayLength() > 0 ? output[0] : output
        : default;

    private static TimeSpan? MillisecondsOf(JsonElement job, ReadOnlySpan<byte> name) =>
        job.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var milliseconds)
        && milliseconds is >= 0 and <= int.MaxValue
            ? TimeSpan.FromMilliseconds(milliseconds)
            : null;

    [GeneratedRegex("^[a-zA-Z0-9_-]{1,128}$")]
    private static partial Regex JobId { get; }
}
