using System.CommandLine;
using System.Globalization;

namespace BatchBus.Cli.Batches;

/// <summary><c>batchbus retry-failed</c>: a new batch of what did not succeed in another.</summary>
internal static class RetryFailedCommand
{
    public static Command Create()
    {
        var batch = BatchCommand.BatchArgument();
        var server = ServerAccess.AddressOption();
        var json = ServerAccess.JsonOption("Prints the new batch object in place of the id.");
        var command = new Command(
            "retry-failed",
            $"""
            Makes a new batch of the requests of an ended one that errored, expired or were canceled, as they were
            submitted, and prints its id, alone on standard output. Asked for twice, it gives the same new batch.
            Where every request succeeded, there is nothing to try again, and it fails.
            {ServerAccess.Help}

            Exit code: 0 when there is the new batch,
            {ExitCodes.Help}
            """)
        {
            batch,
            server,
            json,
        };
        command.SetAction((result, cancellationToken) => BatchCommand.RunAsync(
            result.GetValue(server),
            async client =>
            {
                var id = result.GetValue(batch)!;
                var retry = await client.RetryAsync(id, cancellationToken);
                if (!await RetryAdvice.MayHelpAsync(client, await client.FindAsync(id, cancellationToken), cancellationToken))
                {
                    await Console.Error.WriteLineAsync(RetryAdvice.InVain);
                }

                var total = BatchCommand.TotalOf(retry);
                await Console.Error.WriteLineAsync(string.Create(
                    CultureInfo.InvariantCulture, $"{total:N0} {(total == 1 ? "request" : "requests")} of {id} {(total == 1 ? "is" : "are")} tried again. `batchbus watch {BatchCommand.IdOf(retry)}` shows how {(total == 1 ? "it does" : "they do")}."));
                if (result.GetValue(json))
                {
                    BatchCommand.Print(retry);
                }
                else
                {
                    Console.WriteLine(BatchCommand.IdOf(retry));
                }

                return ExitCodes.Succeeded;
            },
            cancellationToken));
        return command;
    }
}
