namespace BatchBus.TestServers;

/// <summary>The files that the tests belong to.</summary>
public static class Repository
{
    /// <summary>The folder in which <c>BatchBus.sln</c> lies.</summary>
    public static string Root { get; } = Find(new DirectoryInfo(AppContext.BaseDirectory));

    private static string Find(DirectoryInfo folder)
        => File.Exists(Path.Combine(folder.FullName, "BatchBus.sln"))
            ? folder.FullName
            : Find(folder.Parent ?? throw new DirectoryNotFoundException("The tests do not lie within the repository."));
}
