using System.Globalization;
using System.Text;

namespace BatchBus.Simulator.Jobs;

/// <summary>
/// The <c>error</c> of a failed job: RunPod passes on a Python dictionary as Python prints it, so what looks like JSON is none.
/// </summary>
internal static class WorkerError
{
    /// <summary>What a worker says of each job once its engine is dead.</summary>
    public const string DeadEngine = "vLLM server process is not running; worker is unhealthy";

    public static string Of(string message) => $"{{'message': {Quote(message)}, 'type': 'worker_error', 'code': None}}";

    /// <summary>A string as Python's <c>repr</c> writes it.</summary>
    internal static string Quote(string text)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        var quoted = new StringBuilder(text.Length + 16).Append(quote);
        foreach (var character in text)
        {
            _ = character switch
            {
                '\\' => quoted.Append(@"\\"),
                '\n' => quoted.Append(@"\n"),
                '\r' => quoted.Append(@"\r"),
                '\t' => quoted.Append(@"\t"),
                _ when character == quote => quoted.Append('\\').Append(character),
                _ when char.IsControl(character) => quoted.Append(CultureInfo.InvariantCulture, $@"\x{(int)character:x2}"),
                _ => quoted.Append(character),
            };
        }

        return quoted.Append(quote).ToString();
    }
}
