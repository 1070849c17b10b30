namespace BatchBus.Host;

/// <summary>Another process uses the data folder of the embedded mode.</summary>
/// <param name="directory">The folder.</param>
public sealed class DataFolderInUseException(string directory) : InvalidSettingsException(
    $"Another BatchBus process uses the data folder {directory}. Stop it, or give this one a folder of its own with BatchBus__DataDirectory.")
{
    /// <summary>The folder.</summary>
    public string Directory => directory;
}
