using System.Globalization;
using System.Text.Json;
using BatchBus.Simulator.Chat;

namespace BatchBus.Simulator.Jobs;

/// <summary>How a job ends that a fault of the execution has met.</summary>
internal static class SpoiledJob
{
    /// <summary>The error of the model server that a fault stands for.</summary>
    public static ChatRejection RejectionOf(SimulatedFault fault) => ChatRejection.Of(
        fault.Status ?? 500,
        fault.Message ?? (fault.Status is >= 400 and < 500 ? "The request doesn't fit this model." : "EngineCore encountered an issue. See stack trace (above) for the root cause."));

    /// <summary>The worker's report of what vLLM refused.</summary>
    public static string ErrorOf(ChatRejection rejection)
    {
        var json = JsonBody.Begin();
        rejection.Write(json.Writer);
        return WorkerError.Of(string.Create(CultureInfo.InvariantCulture, $"vLLM returned HTTP {rejection.Status}: {json}"));
    }

    /// <returns>The status that the job ends with, and its error, if it has one.</returns>
    public static (JobStatus Status, string? Error) EndOf(SimulatedFault? fault) => fault?.Kind switch
    {
        SimulatedFaultKind.VllmError => (JobStatus.Failed, ErrorOf(RejectionOf(fault))),
        SimulatedFaultKind.Traceback => (
            JobStatus.Failed,
            $"handler: {fault.Message ?? "Timeout on reading data from socket"} \ntraceback: Traceback (most recent call last):\n"
            + "  File \"/worker/rp_job.py\", line 1, in run_job_generator\n  File \"/src/handler.py\", line 1, in handler\n"),
        SimulatedFaultKind.WorkerException => (JobStatus.Failed, ExceptionText(fault.Message ?? "CUDA error: an illegal memory access was encountered")),
        SimulatedFaultKind.TimedOut => (JobStatus.TimedOut, null),
        SimulatedFaultKind.Cancelled => (JobStatus.Cancelled, null),
        _ => (JobStatus.Completed, null),
    };

    /// <summary>Writes the one member of a completed job's <c>output</c>.</summary>
    public static void WriteOutput(Utf8JsonWriter writer, Job job, ChatRequest request, long created)
    {
        if (job.Fault is { Kind: SimulatedFaultKind.ErrorObject } fault)
        {
            RejectionOf(fault).WriteFlat(writer);
        }
        else
        {
            ChatAnswer.To(request).Write(writer, request, job.CompletionId, created, job.Fault?.Kind);
        }
    }

    private static string ExceptionText(string message)
    {
        var json = JsonBody.Begin();
        var writer = json.Writer;
        writer.WriteStartObject();
        writer.WriteString("error_type"u8, "<class 'RuntimeError'>"u8);
        writer.WriteString("error_message"u8, message);
        writer.WriteString("error_traceback"u8, $"Traceback (most recent call last):\n  File \"/worker/rp_job.py\", line 1, in run_job\nRuntimeError: {message}\n");
        writer.WriteString("hostname"u8, "simulator"u8);
        writer.WriteString("worker_id"u8, "simulator"u8);
        writer.WriteString("runpod_version"u8, "1.12.0"u8);
        writer.WriteEndObject();
        return json.ToString();
    }
}
