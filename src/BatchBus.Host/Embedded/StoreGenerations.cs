using System.Globalization;

namespace BatchBus.Host.Embedded;

/// <summary>
/// The folders of the embedded store, <c>store-1</c> and so on: a rewrite fills a new one, whose name becomes its final one when it is
/// complete. Whatever was interrupted, the highest is whole. Before generations there were, the data lay in the folder itself.
/// </summary>
internal sealed class StoreGenerations
{
    private const string Prefix = "store-";
    private const string UnfinishedSuffix = "-unfinished";

    /// <summary>Where Garnet keeps its append-only file, and its checkpoints.</summary>
    private static readonly string[] Parts = ["AOF", "Store"];

    private readonly string _directory;
    private int _number;

    public StoreGenerations(string directory)
    {
        _directory = directory;
        _number = Directory.EnumerateDirectories(directory, Prefix + "*")
            .Select(folder => int.TryParse(Path.GetFileName(folder)[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0)
            .Append(Directory.Exists(Path.Combine(directory, Parts[0])) ? 0 : 1)
            .Max();
        DeleteOthers();
    }

    /// <summary>The folder whose data counts.</summary>
    public string Current => _number == 0 ? _directory : FolderOf(_number);

    /// <summary>The folder that a rewrite fills.</summary>
    public string Unfinished => FolderOf(_number + 1) + UnfinishedSuffix;

    /// <summary>Whether there is a checkpoint, which versions before wrote.</summary>
    public bool HasCheckpoint => Directory.Exists(Path.Combine(Current, Parts[1], "checkpoints"));

    /// <summary>Bytes of the append-only file.</summary>
    public long LogSize => new DirectoryInfo(Path.Combine(Current, Parts[0])) is { Exists: true } log
        ? log.EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length)
        : 0;

    /// <summary>Makes the folder that a rewrite has filled the one that counts.</summary>
    public void Advance()
    {
        Directory.Move(Unfinished, FolderOf(_number + 1));
        _number++;
        DeleteOthers();
    }

    private string FolderOf(int number) => Path.Combine(_directory, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{number}"));

    private void DeleteOthers()
    {
        var others = Directory.EnumerateDirectories(_directory, Prefix + "*").Where(folder => folder != Current);
        foreach (var folder in _number == 0 ? others : others.Concat(Parts.Select(part => Path.Combine(_directory, part)).Where(Directory.Exists)))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
