using System.Text.Json;

namespace BatchBus.Cli.Running;

/// <summary>Writes the results to where the user wants them; until all are there, under a temporary name beside it.</summary>
internal static class ResultsFile
{
    private const int FailuresShown = 5;

    /// <summary>Copies the lines, looking at each for its outcome.</summary>
    public static async Task<ResultCounts> WriteAsync(Stream results, string path, CancellationToken cancellationToken)
    {
        var temporary = path + ".partial";
        var counts = new ResultCounts();
        try
        {
            await using (var file = new StreamWriter(temporary) { NewLine = "\n" })
            using (var reader = new StreamReader(results))
            {
                while (await reader.ReadLineAsync(cancellationToken) is { } line)
                {
                    await file.WriteLineAsync(line.AsMemory(), cancellationToken);
                    counts.Add(line);
                }
            }

            File.Move(temporary, path, overwrite: true);
            return counts;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException && !cancellationToken.IsCancellationRequested)
        {
            throw new RunFailure($"The results could not be written to {path}: {exception.Message} They are kept; start the same command again, or with another --output.");
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>What the lines say.</summary>
    internal sealed class ResultCounts
    {
        private readonly Dictionary<string, int> _byType = [];
        private readonly List<(string CustomId, string Message)> _failures = [];

        public int Total => _byType.Values.Sum();

        public IReadOnlyDictionary<string, int> ByType => _byType;

        /// <summary>The first few that did not succeed.</summary>
        public IReadOnlyList<(string CustomId, string Message)> Failures => _failures;

        public bool AllSucceeded => _byType.GetValueOrDefault("succeeded") == Total;

        public void Add(string line)
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
