using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using BatchBus.Cli.Batches;
using BatchBus.Cli.Serving;
using Spectre.Console;

namespace BatchBus.Cli.Doctor;

/// <summary><c>batchbus doctor</c>: what is wrong with this installation, and what to do.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var server = ServerAccess.AddressOption();
        var json = ServerAccess.JsonOption("Prints one JSON document: {\"status\": …, \"checks\": [{\"check\", \"status\", \"what\", \"remedy\"}]}; status is ok, warning or problem.");
        var command = new Command(
            "doctor",
            $"""
            Checks this installation and says what to do: the settings, Redis, RabbitMQ and its queues, the models'
            endpoints and keys, clocks, disk, and what a running server says of itself. Changes nothing.

            Settings come from where `batchbus serve` takes them: appsettings.json, the environment, or the command line
            (--BatchBus:Name value). A server that was named with --server or {ServerAccess.AddressVariable} has to answer.

            Exit code: 0 when there is no problem, 2 when there is one, 1 when it could not look.
            """)
        {
            server,
            json,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction((result, cancellationToken) => ExamineAsync([.. result.UnmatchedTokens], result.GetValue(server), result.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task<int> ExamineAsync(string[] settings, string? server, bool asJson, CancellationToken cancellationToken)
    {
        if (ServeCommand.FirstStranger(settings) is { } stranger)
        {
            await Console.Error.WriteLineAsync($"'{stranger}' is no option of doctor. Settings are written as --BatchBus:Name value or --ConnectionStrings:Name value.\nSee `batchbus doctor --help`.");
            return ExitCodes.Failed;
        }

        try
        {
            var findings = await new Examination(settings, ServerAccess.Given(server), TimeProvider.System).RunAsync(cancellationToken);
            if (asJson)
            {
                Print(findings);
            }
            else
            {
                Show(findings);
            }

            return findings.Any(finding => finding.Status is FindingStatus.Problem) ? ExitCodes.ProblemsFound : ExitCodes.Succeeded;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Interrupted.");
            return ExitCodes.Failed;
        }
        catch (CommandFailure failure)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            return failure.ExitCode;
        }
    }

    private static string Word(FindingStatus status) => status.ToString().ToLowerInvariant();

    private static void Print(IReadOnlyList<Finding> findings)
    {
        using var output = Console.OpenStandardOutput();
        using (var json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("status", Word(findings.Max(finding => finding.Status)));
            json.WriteStartArray("checks");
            foreach (var finding in findings)
            {
                json.WriteStartObject();
                json.WriteString("check", finding.Check);
                json.WriteString("status", Word(finding.Status));
                json.WriteString("what", finding.What);
                json.WriteString("remedy", finding.Remedy);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        output.Write("\n"u8);
    }

    private static void Show(IReadOnlyList<Finding> findings)
    {
        var console = Terminal.Output();
        var width = findings.Max(finding => finding.Check.Length);
        foreach (var finding in findings)
        {
            var color = finding.Status switch { FindingStatus.Ok => "green", FindingStatus.Warning => "yellow", _ => "red" };
            var margin = new string(' ', "warning".Length - Word(finding.Status).Length + 2);
            Write(console, $"[{color}]{Word(finding.Status)}[/]{margin}{finding.Check.PadRight(width)}", "warning".Length + width + 4, finding.What);
            if (finding.Remedy is { } remedy)
            {
                Write(console, $"{new string(' ', "warning".Length + width + 4)}[{color}]→[/]", "warning".Length + width + 6, remedy, gap: 1);
            }
        }

        var (problems, warnings) = (findings.Count(finding => finding.Status is FindingStatus.Problem), findings.Count(finding => finding.Status is FindingStatus.Warning));
        console.WriteLine((problems, warnings) switch
        {
            (0, 0) => "Everything is in order.",
            (0, _) => string.Create(CultureInfo.InvariantCulture, $"No problem, {Count(warnings, "warning")}."),
            (_, 0) => string.Create(CultureInfo.InvariantCulture, $"{Count(problems, "problem")}."),
            _ => string.Create(CultureInfo.InvariantCulture, $"{Count(problems, "problem")}, {Count(warnings, "warning")}."),
        });
    }

    /// <summary>Writes text beside a heading, and goes on below where the terminal ends.</summary>
    private static void Write(IAnsiConsole console, string heading, int indent, string text, int gap = 2)
    {
        var line = heading + new string(' ', gap);
        var left = console.Profile.Width - indent;
        foreach (var word in text.Split(' '))
        {
            if (word.Length > left && left < console.Profile.Width - indent && console.Profile.Out.IsTerminal)
            {
                console.MarkupLine(line.TrimEnd());
                (line, left) = (new string(' ', indent), console.Profile.Width - indent);
            }

            line += $"{Markup.Escape(word)} ";
            left -= word.Length + 1;
        }

        if (console.Profile.Out.IsTerminal)
        {
            console.MarkupLine(line.TrimEnd());
        }
        else
        {
            Console.WriteLine(Markup.Remove(line).TrimEnd());
        }
    }

    private static string Count(int number, string word) => string.Create(CultureInfo.InvariantCulture, $"{number} {word}{(number == 1 ? "" : "s")}");
}
