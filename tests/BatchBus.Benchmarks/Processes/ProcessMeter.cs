namespace BatchBus.Benchmarks.Processes;

/// <summary>Processor time and memory of some processes from its start to its stop.</summary>
internal sealed class ProcessMeter : IDisposable
{
    private static readonly TimeSpan SampleInterval = TimeSpan.FromMilliseconds(100);

    private readonly IReadOnlyDictionary<string, int> _processes;
    private readonly Dictionary<string, TimeSpan> _cpuAtStart;
    private readonly Dictionary<string, long> _peak;
    private readonly PeriodicTimer _timer = new(SampleInterval);
    private readonly Task _sampling;

    /// <param name="processes">Process ids by name.</param>
    public ProcessMeter(IReadOnlyDictionary<string, int> processes)
    {
        _processes = processes;
        _cpuAtStart = processes.ToDictionary(process => process.Key, process => ProcessTable.CpuOf(process.Value));
        _peak = processes.ToDictionary(process => process.Key, process => ProcessTable.ResidentOf(process.Value));
        _sampling = SampleAsync();
    }

    /// <summary>Ends the measurement.</summary>
    public async Task<IReadOnlyDictionary<string, ProcessUsage>> StopAsync()
    {
        _timer.Dispose();
        await _sampling;
        Sample();
        return _processes.ToDictionary(
            process => process.Key,
            process => new ProcessUsage(ProcessTable.CpuOf(process.Value) - _cpuAtStart[process.Key], _peak[process.Key]));
    }

    public void Dispose() => _timer.Dispose();

    private async Task SampleAsync()
    {
        while (await _timer.WaitForNextTickAsync())
        {
            Sample();
        }
    }

    private void Sample()
    {
        foreach (var (name, id) in _processes)
        {
            _peak[name] = Math.Max(_peak[name], ProcessTable.ResidentOf(id));
        }
    }
}

/// <summary>What one process used while it was measured.</summary>
/// <param name="Cpu">Processor time.</param>
/// <param name="PeakResident">Largest resident memory of the samples, bytes.</param>
internal readonly record struct ProcessUsage(TimeSpan Cpu, long PeakResident);
