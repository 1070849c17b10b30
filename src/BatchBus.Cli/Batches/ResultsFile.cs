using System.Globalization;
using System.Text;
using System.Text.Json;

namespace BatchBus.Cli.Batches;

/// <summary>Writes results to where the user wants them; until all are there, under a temporary name beside it.</summary>
internal static class ResultsFile
{
    private const int FailuresShown = 5;

    /// <summary>Writes the lines, looking at each for its outcome. What an interruption leaves behind is removed.</summary>
    public static async Task<ResultCounts> WriteAsync(IAsyncEnumerable<ReadOnlyMemory<byte>> lines, string path, CancellationToken cancellationToken)
    {
        var temporary = path + ".partial";
        try
        {
            await using var target = Open(temporary, FileMode.Create, path);
            return await CopyAsync(lines, target, path, new ResultCounts(), cancellationToken);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>The same, except that an interrupted download stays beside the file and is gone on with by the next.</summary>
    /// <param name="linesFrom">The lines from a position, bytes, on.</param>
    /// <param name="path">The file.</param>
    /// <param name="id">The batch, whose results are the same whenever they are read.</param>
    /// <param name="cancellationToken">Interrupts it.</param>
    public static async Task<ResultCounts> ContinueAsync(Func<long, IAsyncEnumerable<ReadOnlyMemory<byte>>> linesFrom, string path, string id, CancellationToken cancellationToken)
    {
        var counts = new ResultCounts();
        await using var target = Open($"{path}.{id}.partial", FileMode.OpenOrCreate, path);
        var whole = await CountAsync(target, counts, cancellationToken);
        target.SetLength(whole);
        target.Position = whole;
        return await CopyAsync(linesFrom(whole), target, path, counts, cancellationToken);
    }

    /// <summary>Looks at what an earlier download has left. Returns the bytes that its whole lines take.</summary>
    private static async Task<long> CountAsync(FileStream target, ResultCounts counts, CancellationToken cancellationToken)
    {
        var whole = 0L;
        using var earlier = new StreamReader(target, leaveOpen: true);
        while (await earlier.ReadLineAsync(cancellationToken) is { } line)
        {
            var bytes = Encoding.UTF8.GetBytes(line);
            if (whole + bytes.Length + 1 > target.Length)
            {
                break;
            }

            try
            {
                counts.Add(bytes);
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException)
            {
                // Nothing that this command has written: from here on it is fetched anew.
                break;
            }

            whole += bytes.Length + 1;
        }

        return whole;
    }

    private static FileStream Open(string temporary, FileMode mode, string path)
    {
        try
        {
            return new FileStream(temporary, mode, FileAccess.ReadWrite, FileShare.Read);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw NotWritten(path, exception);
        }
    }

    private static async Task<ResultCounts> CopyAsync(
        IAsyncEnumerable<ReadOnlyMemory<byte>> lines, FileStream target, string path, ResultCounts counts, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var line in lines.WithCancellation(cancellationToken))
            {
                await target.WriteAsync(line, cancellationToken);
                counts.Add(line);
            }

            await target.DisposeAsync();
            File.Move(target.Name, path, overwrite: true);
            return counts;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException && !cancellationToken.IsCancellationRequested)
        {
            throw NotWritten(path, exception);
        }
    }

    private static CommandFailure NotWritten(string path, Exception exception)
        => new($"The results could not be written to {path}: {exception.Message} They are kept; start the same command again, or with another --output.");

    /// <summary>What the lines say.</summary>
    internal sealed class ResultCounts
    {
        private static readonly string[] Types = ["succeeded", "errored", "canceled", "expired"];

        private readonly Dictionary<string, int> _byType = [];
        private readonly List<(string CustomId, string Message)> _failures = [];

        public int Total => _byType.Values.Sum();

        /// <summary>How many there are of each type, always in the same order.</summary>
        public IEnumerable<KeyValuePair<string, int>> ByType => _byType.OrderBy(type => Array.IndexOf(Types, type.Key));

        /// <summary>In words: "46 succeeded, 2 errored".</summary>
        public string Outcome => string.Join(", ", ByType.Select(type => string.Create(CultureInfo.InvariantCulture, $"{type.Value:N0} {type.Key}")));

        /// <summary>The first few that did not succeed.</summary>
        public IReadOnlyList<(string CustomId, string Message)> Failures => _failures;

        public bool AllSucceeded => _byType.GetValueOrDefault("succeeded") == Total;

        public void Add(ReadOnlyMemory<byte> line)
        {
            using var json = JsonDocument.Parse(line);
            var result = json.RootElement.GetProperty("result");
            var type = result.GetProperty("type").GetString()!;
            _byType[type] = _byType.GetValueOrDefault(type) + 1;
            if (type != "succeeded" && _failures.Count < FailuresShown)
            {
                _failures.Add((
                    json.RootElement.GetProperty("custom_id").GetString()!,
                    result.TryGetProperty("error", out var error) ? error.GetProperty("error").GetProperty("message").GetString()! : type));
            }
        }
    }
}
