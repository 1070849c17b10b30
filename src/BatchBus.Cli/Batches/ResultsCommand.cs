using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace BatchBus.Cli.Batches;

/// <summary><c>batchbus results</c>: downloads the results of a batch.</summary>
internal static class ResultsCommand
{
    public static Command Create()
    {
        var batch = BatchCommand.BatchArgument();
        var output = new Option<string?>("--output") { Description = "Where the results go; an interrupted download is gone on with by the same command. [default: standard output]", HelpName = "FILE" };
        var partial = new Option<bool>("--partial") { Description = "Those that there are so far, while the batch still runs." };
        var failed = new Option<bool>("--failed") { Description = "Only those that did not succeed." };
        var server = ServerAccess.AddressOption();
        var json = ServerAccess.JsonOption("With --output, prints what was written as one JSON document: {\"output\": …, \"succeeded\": …, \"errored\": …}.");
        var command = new Command(
            "results",
            $"""
            Downloads the results of a batch, one line of JSON per request. Only whole lines are written; a connection that
            breaks is taken up again where it broke. {ServerAccess.Help}

            Exit code: 0 when they were downloaded, whatever came of the requests,
            {ExitCodes.Help}
            """)
        {
            batch,
            output,
            partial,
            failed,
            server,
            json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(json) && result.GetValue(output) is null)
            {
                result.AddError("--json says what was written to --output; without that, the results themselves are printed, which are JSON lines.");
            }
        });
        command.SetAction((result, cancellationToken) => BatchCommand.RunAsync(
            result.GetValue(server),
            async client =>
            {
                var id = result.GetValue(batch)!;
                var (isPartial, onlyFailed) = (result.GetValue(partial), result.GetValue(failed));
                if (result.GetValue(output) is not { } file)
                {
                    await PrintAsync(Lines(0), cancellationToken);
                    return ExitCodes.Succeeded;
                }

                var path = Path.GetFullPath(file);
                var counts = isPartial || onlyFailed
                    ? await ResultsFile.WriteAsync(Lines(0), path, cancellationToken)
                    : await ResultsFile.ContinueAsync(Lines, path, id, cancellationToken);
                if (result.GetValue(json))
                {
                    Console.WriteLine(JsonSerializer.Serialize(new Dictionary<string, object>(counts.ByType.Select(type => KeyValuePair.Create(type.Key, (object)type.Value))) { ["output"] = path }));
                }
                else
                {
                    var outcome = counts.Total == 0 ? "no results" : string.Join(", ", counts.ByType.Select(type => string.Create(CultureInfo.InvariantCulture, $"{type.Value:N0} {type.Key}")));
                    Console.WriteLine($"{outcome}: {path}");
                }

                return ExitCodes.Succeeded;

                IAsyncEnumerable<ReadOnlyMemory<byte>> Lines(long from)
                {
                    var lines = client.ResultLinesAsync(id, isPartial, from, cancellationToken);
                    return onlyFailed ? FailedAsync(lines, cancellationToken) : lines;
                }
            },
            cancellationToken));
        return command;
    }

    private static async Task PrintAsync(IAsyncEnumerable<ReadOnlyMemory<byte>> lines, CancellationToken cancellationToken)
    {
        await using var standardOutput = Console.OpenStandardOutput();
        await using var buffered = new BufferedStream(standardOutput, 64 << 10);
        await foreach (var line in lines.WithCancellation(cancellationToken))
        {
            await buffered.WriteAsync(line, cancellationToken);
        }
    }

    private static async IAsyncEnumerable<ReadOnlyMemory<byte>> FailedAsync(
        IAsyncEnumerable<ReadOnlyMemory<byte>> lines, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var line in lines.WithCancellation(cancellationToken))
        {
            if (!Succeeded(line))
            {
                yield return line;
            }
        }
    }

    private static bool Succeeded(ReadOnlyMemory<byte> line)
    {
        using var json = JsonDocument.Parse(line);
        return json.RootElement.GetProperty("result").GetProperty("type").ValueEquals("succeeded");
    }
}
