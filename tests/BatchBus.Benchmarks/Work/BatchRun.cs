using BatchBus.Benchmarks.Processes;

namespace BatchBus.Benchmarks.Work;

/// <summary>One execution of a workload, timed from the submission.</summary>
/// <param name="Count">Number of requests.</param>
/// <param name="Accepted">Until the submission was answered.</param>
/// <param name="Ended">Until the end was seen.</param>
/// <param name="Read">Until all results were read.</param>
/// <param name="BodyBytes">Bytes submitted.</param>
/// <param name="ResultBytes">Bytes of results.</param>
/// <param name="Usage">What each process used until the results were read.</param>
/// <param name="RedisBytes">Growth of Redis' memory.</param>
/// <param name="Correctness">What must be zero.</param>
internal sealed record BatchRun(
    int Count,
    TimeSpan Accepted,
    TimeSpan Ended,
    TimeSpan Read,
    long BodyBytes,
    long ResultBytes,
    IReadOnlyDictionary<string, ProcessUsage> Usage,
    long RedisBytes,
    Correctness Correctness)
{
    public double RateToEnd => Count / Ended.TotalSeconds;

    public double RateToRead => Count / Read.TotalSeconds;

    /// <summary>Processor time per request over all measured processes, milliseconds.</summary>
    public double CpuMilliseconds => Usage.Values.Sum(usage => usage.Cpu.TotalMilliseconds) / Count;
}
