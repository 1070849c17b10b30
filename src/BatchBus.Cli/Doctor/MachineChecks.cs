using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;

namespace BatchBus.Cli.Doctor;

/// <summary>What BatchBus runs on, and whether the embedded store can keep its data.</summary>
internal static class MachineChecks
{
    private const string Folder = "data folder";
    private const long LittleSpace = 1L << 30;
    private const long NoSpace = 100L << 20;

    public static Finding Program() => Finding.Ok("program", string.Create(
        CultureInfo.InvariantCulture,
        $"BatchBus {Version()} on .NET {Environment.Version}, {RuntimeInformation.OSDescription}, {Environment.ProcessorCount} {(Environment.ProcessorCount == 1 ? "processor" : "processors")}."));

    /// <summary>Looks at the folder without making it.</summary>
    public static Finding DataFolder(string path)
    {
        const string Remedy = "Choose another with BatchBus__DataDirectory, or let this user write there.";
        var existing = new DirectoryInfo(path);
        while (!existing.Exists)
        {
            if (File.Exists(existing.FullName))
            {
                return Finding.Problem(Folder, $"{path} cannot be used: {existing.FullName} is a file.", Remedy);
            }

            existing = existing.Parent!;
        }

        try
        {
            var probe = Path.Combine(existing.FullName, $".batchbus-doctor-{Guid.NewGuid():N}");
            using var file = new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            file.Write(new byte[4096]);
            file.Flush(flushToDisk: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return Finding.Problem(Folder, $"{path} cannot be written to: {exception.Message}", $"Free space on its disk. {Remedy}");
        }

        var free = new DriveInfo(existing.FullName).AvailableFreeSpace;
        return free < NoSpace
            ? Finding.Problem(Folder, $"The disk of {path} is full: {Sizes.Text(free)} are free.", "Free space on it, or choose another folder with BatchBus__DataDirectory.")
            : free < LittleSpace
                ? Finding.Warning(Folder, $"The disk of {path} is nearly full: {Sizes.Text(free)} are free.", "Free space on it, or choose another folder with BatchBus__DataDirectory.")
                : Finding.Ok(Folder, $"{path} can be written to; {Sizes.Text(free)} are free.");
    }

    private static string Version() => typeof(MachineChecks).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
