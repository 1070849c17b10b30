using System.CommandLine;
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
                var path = result.GetValue(output) is { } file ? Path.GetFullPath(file) : null;
                try
                {
                    var total = path is null ? await PrintAsync(Lines(0), cancellationToken) : await WriteAsync(path);
                    if (total == 0 && onlyFailed)
                    {
                        await Console.Error.WriteLineAsync(isPartial ? $"No request of {id} has failed so far." : $"Every request of {id} succeeded.");
                    }
                }
                catch (CommandFailure failure) when (failure.ExitCode == ExitCodes.NotFound)
                {
                    throw await client.FindStatusAsync(id, cancellationToken) is { } status and not "ended" ? NotThereYet(id, status) : failure;
                }

                return ExitCodes.Succeeded;

                async Task<int> WriteAsync(string path)
                {
                    var counts = isPartial || onlyFailed
                        ? await ResultsFile.WriteAsync(Lines(0), path, cancellationToken)
                        : await ResultsFile.ContinueAsync(Lines, path, id, cancellationToken);
                    Console.WriteLine(result.GetValue(json)
                        ? JsonSerializer.Serialize(new Dictionary<string, object>(counts.ByType.Select(type => KeyValuePair.Create(type.Key, (object)type.Value))) { ["output"] = path })
                        : $"{(counts.Total == 0 ? "no results" : counts.Outcome)}: {path}");
                    return counts.Total;
                }

                IAsyncEnumerable<ReadOnlyMemory<byte>> Lines(long from)
                {
                    var lines = client.ResultLinesAsync(id, isPartial, from, cancellationToken);
                    return onlyFailed ? FailedAsync(lines, cancellationToken) : lines;
                }
            },
            cancellationToken));
        return command;
    }

    /// <summary>The server's own words are for programs, which poll.</summary>
    private static CommandFailure NotThereYet(string id, string status) => new(
        $"The results of {id} are not there yet: the batch {(status == "canceling" ? "is being canceled" : "still runs")}. "
            + $"`batchbus watch {id}` waits for its end; `batchbus results {id} --partial` takes what there is so far.",
        ExitCodes.NotFound);

    private static async Task<int> PrintAsync(IAsyncEnumerable<ReadOnlyMemory<byte>> lines, CancellationToken cancellationToken)
    {
        var total = 0;
        await using var standardOutput = Console.OpenStandardOutput();
        await using var buffered = new BufferedStream(standardOutput, 64 << 10);
        await foreach (var line in lines.WithCancellation(cancellationToken))
        {
            await buffered.WriteAsync(line, cancellationToken);
            total++;
        }

        return total;
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
