using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BatchBus.Cli.Batches;

/// <summary><c>batchbus watch</c>: a batch until it has ended.</summary>
internal static class WatchCommand
{
    public static Command Create()
    {
        var batch = BatchCommand.BatchArgument();
        var server = ServerAccess.AddressOption();
        var json = ServerAccess.JsonOption("Prints a line of JSON whenever the counts changed: {\"event\": \"progress\", \"total\": …, \"succeeded\": …}, with \"event\": \"ended\" in the last.");
        var command = new Command(
            "watch",
            $"""
            Shows the progress of a batch until it has ended: a bar on a terminal, otherwise lines. A connection that
            breaks is taken up again. {ServerAccess.Help}

            Exit code: 0 when every request succeeded, 2 when some did not,
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
                return BatchWatch.ExitCodeOf(result.GetValue(json)
                    ? await PrintAsync(client, id, cancellationToken)
                    : await new BatchWatch(client, Terminal.Output(), TimeProvider.System).ShowAsync(id, cancellationToken));
            },
            cancellationToken));
        return command;
    }

    private static async Task<JsonElement> PrintAsync(BatchClient client, string id, CancellationToken cancellationToken)
    {
        await foreach (var update in client.FollowAsync(id, cancellationToken))
        {
            var line = JsonNode.Parse(update.Data)!.AsObject();
            line.Insert(0, "event", update.Type);
            Console.WriteLine(line.ToJsonString());
        }

        return await client.FindAsync(id, cancellationToken);
    }
}
