namespace BatchBus.Simulator.Jobs;

/// <summary>The states of a RunPod job.</summary>
internal enum JobStatus : byte
{
    InQueue,
    InProgress,
    Completed,
    Failed,
    Cancelled,
    TimedOut,
}
