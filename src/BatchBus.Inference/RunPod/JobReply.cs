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

    /// <summary>Reads what a look at a job says; false where it says nothing.</summary>
    /// <param name="body">The reply.</param>
    /// <param name="model">The model that the job ran on.</param>
    /// <param name="request">The request that the job answers.</param>
    /// <param name="elapsed">Time since the job was submitted, for a reply that does not report its own.</param>
    /// <param name="observe">Is told how long a completed job took.</param>
    /// <param name="progress">How far the job is.</param>
    /// <param name="outcome">What came of a job that is over, otherwise null.</param>
    public static bool TryRead(
        ReadOnlyMemory<byte> body, CatalogModel model, ChatRequest request, TimeSpan elapsed, Action<TimeSpan> observe, out JobProgress progress, out InferenceOutcome? outcome)
    {
        (progress, outcome) = (JobProgress.Waiting, null);
        try
        {
            using var reply = JsonDocument.Parse(body);
            var job = reply.RootElement;
            switch (job.TextOf("status"u8))
            {
                case null:
                    return false;
                case "COMPLETED":
                    var (executed, queued) = (MillisecondsOf(job, "executionTime"u8), MillisecondsOf(job, "delayTime"u8));
                    if (executed is { } execution)
                    {
                        observe(execution + (queued ?? TimeSpan.Zero));
                    }

                    outcome = ChatCompletionReader.Read(OutputOf(job), model, request, executed ?? elapsed, queued);
                    break;
                case "FAILED":
                    outcome = JobFailure.Read(job);
                    break;
                case "TIMED_OUT":
                    outcome = EndpointFailure.Failed(InferenceError.Timeout, "the job timed out");
                    break;
                case "CANCELLED":
                    outcome = EndpointFailure.Failed(InferenceError.JobLost, "the job was canceled by somebody else");
                    break;
                case "IN_QUEUE":
                    return true;
            }

            progress = outcome is null ? JobProgress.Executing : JobProgress.Over;
            return true;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return false;
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

/// <summary>How far a job is. One that is executed may be seen waiting again: only its end is final.</summary>
internal enum JobProgress
{
    /// <summary>It waits for a worker.</summary>
    Waiting,

    /// <summary>A worker has it.</summary>
    Executing,

    /// <summary>It is over.</summary>
    Over,
}
