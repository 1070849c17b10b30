using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Clients;

/// <summary>Where Node programs lie in the repository.</summary>
internal static class NodeFolder
{
    /// <summary>Finds a folder of the repository whose packages are installed.</summary>
    /// <param name="path">The folder, from the repository's root.</param>
    /// <param name="package">A package that must be installed there.</param>
    public static string Find(string path, string package)
    {
        var folder = Path.Combine(Repository.Root, path);
        Assert.That(Directory.Exists(Path.Combine(folder, "node_modules", package)), Is.True, $"{package} is not installed: infra/test.sh runs `npm ci` in {folder}");
        return folder;
    }
}
