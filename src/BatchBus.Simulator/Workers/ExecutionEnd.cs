namespace BatchBus.Simulator.Workers;

/// <summary>How the execution of a call ended, as far as the worker tells.</summary>
internal enum ExecutionEnd : byte
{
    Generated,
    OutOfTime,
    DeadEngine,
}
