using System.Text.Json;

namespace BatchBus.Cli.Running;

/// <summary>
/// The records of runs, in the folder <c>runs</c> of the data folder, which one process at a time can use. A record is written before
/// its create is sent: where it has no batch id, an interruption left open whether there is a batch.
/// </summary>
internal sealed class RunLedger(string dataDirectory, string key)
{
    private readonly string _path = Path.Combine(dataDirectory, "runs", $"{key}.json");

    /// <summary>The record; null when there is none.</summary>
    public RunRecord? Read()
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(_path), RunRecordJson.Default.RunRecord);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException)
        {
            throw new CommandFailure($"{_path} cannot be understood, so it is unclear which batch belongs to the file. Delete it to run the file anew.");
        }
    }

    /// <summary>Replaces the record, so that there is always the old one or the new one.</summary>
    public void Write(RunRecord record)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        var next = _path + ".next";
        using (var file = new FileStream(next, FileMode.Create))
        {
            JsonSerializer.Serialize(file, record, RunRecordJson.Default.RunRecord);
            file.Flush(flushToDisk: true);
        }

        File.Move(next, _path, overwrite: true);
    }

    /// <summary>Puts back what was there.</summary>
    public void Restore(RunRecord? earlier)
    {
        if (earlier is null)
        {
            File.Delete(_path);
        }
        else
        {
            Write(earlier);
        }
    }
}
