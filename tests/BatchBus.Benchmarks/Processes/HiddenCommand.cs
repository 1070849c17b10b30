using BatchBus.TestServers;

namespace BatchBus.Benchmarks.Processes;

/// <summary>This program as a process of its own with another task; see <c>Program</c>.</summary>
internal static class HiddenCommand
{
    public static Task<ChildProcess> StartAsync(params string[] args)
        => ChildProcess.StartAsync("dotnet", [typeof(HiddenCommand).Assembly.Location, .. args]);
}
