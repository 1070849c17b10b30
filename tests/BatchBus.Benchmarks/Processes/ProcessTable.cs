using System.Globalization;

namespace BatchBus.Benchmarks.Processes;

/// <summary>What Linux tells of the children of this process.</summary>
internal static class ProcessTable
{
    private const double TicksPerSecond = 100; // USER_HZ, the same on every Linux that .NET runs on

    /// <summary>The child whose command line holds the text, once it has that command line.</summary>
    public static int FindChild(string text) => Directory.EnumerateDirectories("/proc")
        .Select(path => int.TryParse(Path.GetFileName(path), CultureInfo.InvariantCulture, out var id) ? id : 0)
        .First(id => id > 0 && Read(id, "cmdline").Contains(text, StringComparison.Ordinal) && ParentOf(id) == Environment.ProcessId);

    /// <summary>Processor time that a process has used, in user and kernel mode.</summary>
    public static TimeSpan CpuOf(int id)
    {
        var fields = StatOf(id);
        return TimeSpan.FromSeconds((Number(fields[11]) + Number(fields[12])) / TicksPerSecond);
    }

    /// <summary>Resident memory of a process, bytes.</summary>
    public static long ResidentOf(int id) => Number(Read(id, "statm").Split(' ')[1]) * Environment.SystemPageSize;

    private static int ParentOf(int id) => Read(id, "stat").Length == 0 ? 0 : (int)Number(StatOf(id)[1]);

    /// <summary>The fields after the name, which may itself hold spaces and parentheses.</summary>
    private static string[] StatOf(int id)
    {
        var stat = Read(id, "stat");
        return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static string Read(int id, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/{file}").Replace('\0', ' ');
        }
        catch (IOException)
        {
            return ""; // gone meanwhile
        }
    }
}
