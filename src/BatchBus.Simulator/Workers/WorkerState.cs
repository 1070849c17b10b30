namespace BatchBus.Simulator.Workers;

/// <summary>The states of a worker, idle and running ones being ready.</summary>
internal enum WorkerState : byte
{
    Throttled,
    Initializing,
    Ready,
}
