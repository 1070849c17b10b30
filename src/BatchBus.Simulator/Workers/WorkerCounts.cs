namespace BatchBus.Simulator.Workers;

/// <summary>A pool of workers at one moment.</summary>
internal readonly record struct WorkerCounts(int Idle, int Running, int Initializing, int Throttled, int CallsInQueue, int CallsRunning);
