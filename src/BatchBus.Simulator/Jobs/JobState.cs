using System.Text.Json;

namespace BatchBus.Simulator.Jobs;

/// <summary>A job as it was at one moment.</summary>
internal readonly record struct JobState(Job Job, JobStatus Status, DateTimeOffset Started, DateTimeOffset Ended, int Retries, string? WorkerId)
{
    public void WriteStatus(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("id"u8, Job.Id);
        writer.WriteString("status"u8, Name(Status));
        writer.WriteEndObject();
    }

    /// <summary>Writes what <c>/status</c> answers.</summary>
    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        if (Status is not (JobStatus.InQueue or JobStatus.InProgress))
        {
            writer.WriteNumber("executionTime"u8, (long)(Ended - Started).TotalMilliseconds);
        }

        if (Status != JobStatus.InQueue)
        {
            writer.WriteNumber("delayTime"u8, (long)(Started - Job.Submitted).TotalMilliseconds);
            writer.WriteString("workerId"u8, WorkerId);
        }

        writer.WriteString("id"u8, Job.Id);
        if (Status == JobStatus.Completed && Job.Request is { } request)
        {
            // A list, because the worker is a generator whose yields RunPod collects.
            writer.WriteStartArray("output"u8);
            SpoiledJob.WriteOutput(writer, Job, request, Started.ToUnixTimeSeconds());
            writer.WriteEndArray();
        }

        if (Status == JobStatus.Failed)
        {
            writer.WriteString("error"u8, Job.Error);
        }

        writer.WriteNumber("retries"u8, Retries);
        writer.WriteString("status"u8, Name(Status));
        writer.WriteEndObject();
    }

    private static string Name(JobStatus status) => status switch
    {
        JobStatus.InQueue => "IN_QUEUE",
        JobStatus.InProgress => "IN_PROGRESS",
        JobStatus.Completed => "COMPLETED",
        JobStatus.Failed => "FAILED",
        JobStatus.Cancelled => "CANCELLED",
        JobStatus.TimedOut => "TIMED_OUT",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };
}
