using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using BatchBus.Inference.Errors;
using BatchBus.Inference.Mapping;

namespace BatchBus.Inference.RunPod;

/// <summary>
/// Reads the <c>error</c> of a FAILED job. worker-vllm puts Python's <c>repr</c> of a dictionary there, whose message in turn may quote the
/// model server's JSON; other failures are a traceback or a JSON string.
/// </summary>
internal static partial class JobFailure
{
    public static InferenceOutcome Read(JsonElement job)
    {
        if (!job.TryGetProperty("error"u8, out var error))
        {
            return EndpointFailure.Failed(InferenceError.JobFailed, "the job failed without an error");
        }

        return Read(error.TryGetText(out var text) ? text : error.GetRawText());
    }

    public static InferenceOutcome Read(string error)
    {
        if (ServerStatus.Match(error) is { Success: true } status)
        {
            return FromServerStatus(int.Parse(status.Groups[1].ValueSpan, CultureInfo.InvariantCulture), error[(status.Index + status.Length)..]);
        }

        if (error.Contains("vLLM server process is not running", StringComparison.Ordinal)
            || error.Contains("Request to vLLM failed", StringComparison.Ordinal))
        {
            return EndpointFailure.Failed(InferenceError.EngineDown, "the worker's model server does not answer");
        }

        if (error.Contains("Job input must contain one of", StringComparison.Ordinal))
        {
            return EndpointFailure.Failed(InferenceError.Misconfigured, "the worker does not know this form of input; check the worker's image and version");
        }

        if (EndpointFailure.IsContextOverflow(error))
        {
            return EndpointFailure.ContextOverflow(error);
        }

        // Workers before 2.24 report the engine's error as a dictionary of its own.
        return EngineError.Match(error) is { Success: true } engine
            ? EndpointFailure.FromStatus(
                int.Parse(engine.Groups["code"].ValueSpan, CultureInfo.InvariantCulture),
                UnescapePython(engine.Groups["message"].Value))
            : EndpointFailure.Failed(InferenceError.JobFailed, "the worker's handler failed");
    }

    private static InferenceOutcome FromServerStatus(int status, string quoted)
    {
        var end = quoted.LastIndexOf("', 'type': ", StringComparison.Ordinal);
        end = end >= 0 ? end : quoted.LastIndexOf("\", 'type': ", StringComparison.Ordinal);
        var body = UnescapePython(end >= 0 ? quoted[..end] : quoted);
        if (ModelServerError.TryRead(Encoding.UTF8.GetBytes(body), out var error))
        {
            return EndpointFailure.FromStatus(status, error.Message);
        }

        return EndpointFailure.FromStatus(status, EndpointFailure.IsContextOverflow(body) ? body : null);
    }

    /// <summary>Undoes the escapes of a Python string literal.</summary>
    internal static string UnescapePython(string literal) => PythonEscape.Replace(literal, static match => match.ValueSpan[1] switch
    {
        'n' => "\n",
        'r' => "\r",
        't' => "\t",
        'x' or 'u' or 'U' => CodePoint(match.ValueSpan[2..]),
        var same => same.ToString(),
    });

    private static string CodePoint(ReadOnlySpan<char> hex)
    {
        var value = uint.Parse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        return Rune.IsValid(value) ? new Rune(value).ToString() : Rune.ReplacementChar.ToString();
    }

    [GeneratedRegex(@"vLLM returned HTTP (\d{3}): ")]
    private static partial Regex ServerStatus { get; }

    [GeneratedRegex(@"^\{'message': (?<quote>['""])(?<message>.*)\k<quote>, 'type': .*'code': (?<code>[45]\d\d)\}$", RegexOptions.Singleline)]
    private static partial Regex EngineError { get; }

    [GeneratedRegex(@"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[^xuU])", RegexOptions.Singleline)]
    private static partial Regex PythonEscape { get; }
}
