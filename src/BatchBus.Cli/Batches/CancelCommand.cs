using System.CommandLine;

namespace BatchBus.Cli.Batches;

/// <summary><c>batchbus cancel</c>: ends a batch early.</summary>
internal static class CancelCommand
{
    public static Command Create()
    {
        var batch = BatchCommand.BatchArgument();
        var wait = new Option<bool>("--wait") { Description = "Waits until the batch has ended." };
        var server = ServerAccess.AddressOption();
        var json = ServerAccess.JsonOption("Prints the batch object.");
        var command = new Command(
            "cancel",
            $"""
            Cancels a batch: what no model has begun is not executed any more; what is being executed may still succeed.
            {ServerAccess.Help}

            Exit code: 0 when it is canceled, also when it was before,
            {ExitCodes.Help}
            """)
        {
            batch,
            wait,
            server,
            json,
        };
        command.SetAction((result, cancellationToken) => BatchCommand.RunAsync(
            result.GetValue(server),
            async client =>
            {
                var id = result.GetValue(batch)!;
                var canceled = await client.CancelAsync(id, cancellationToken);
                if (result.GetValue(wait))
                {
                    await foreach (var _ in client.FollowAsync(id, cancellationToken))
                    {
                        // Until its end.
                    }

                    canceled = await client.FindAsync(id, cancellationToken);
                }

                if (result.GetValue(json))
                {
                    BatchCommand.Print(canceled);
                }
                else
                {
                    Console.WriteLine(result.GetValue(wait)
                        ? $"{id} has ended: {BatchWatch.Outcome(canceled)}."
                        : $"{id} is being canceled. `batchbus watch {id}` shows its end.");
                }

                return ExitCodes.Succeeded;
            },
            cancellationToken));
        return command;
    }
}
