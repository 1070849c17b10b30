using System.Globalization;

namespace BatchBus.Benchmarks.Reporting;

/// <summary>What the figures were taken on.</summary>
internal static class Machine
{
    /// <summary>The 1-minute load average.</summary>
    public static double Load => double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);

    public static string Description
    {
        get
        {
            var processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim();
            var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30;
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{Environment.ProcessorCount} cores ({processor ?? "unnamed"}), {memory} GiB of memory, .NET {Environment.Version}; everything on this machine, over loopback.");
        }
    }
}
