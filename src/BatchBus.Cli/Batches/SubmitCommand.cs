using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace BatchBus.Cli.Batches;

/// <summary><c>batchbus submit</c>: a file of requests as a batch on a server.</summary>
internal static class SubmitCommand
{
    private const int Attempts = 3;

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "Requests as JSON Lines, as for `batchbus run`." };
        var stage = new Option<string?>("--stage") { Description = "Stage of the whole batch, such as sales_intel; chooses the model where a request does not.", HelpName = "STAGE" };
        var wait = new Option<bool>("--wait") { Description = "Shows progress until the batch has ended." };
        var name = new Option<string?>("--idempotency-key") { Description = "A name for this batch: the same file submitted again with it gives the same batch. [default: a new one]", HelpName = "NAME" };
        var server = ServerAccess.AddressOption();
        var json = ServerAccess.JsonOption("Prints the batch object in place of the id; with --wait, as it ended.");
        var command = new Command(
            "submit",
            $"""
            Submits a file of requests to a server and prints the id of its batch, alone on standard output.
            {ServerAccess.Help}

            Exit code: 0 when it was submitted; with --wait, 0 when every request succeeded and 2 when some did not;
            {ExitCodes.Help}
            """)
        {
            file,
            stage,
            wait,
            name,
            server,
            json,
        };
        command.SetAction((result, cancellationToken) => BatchCommand.RunAsync(
            result.GetValue(server),
            async client =>
            {
                var requests = await RequestFile.CheckAsync(result.GetValue(file)!, cancellationToken);
                var batch = await CreateAsync(client, requests, result.GetValue(stage), result.GetValue(name) ?? Guid.NewGuid().ToString("N"), cancellationToken);
                var id = BatchCommand.IdOf(batch);
                await Console.Error.WriteLineAsync(string.Create(
                    CultureInfo.InvariantCulture, $"Submitted {requests.Name} ({requests.Count:N0} {(requests.Count == 1 ? "request" : "requests")})."));
                if (!result.GetValue(json))
                {
                    Console.WriteLine(id);
                }

                if (result.GetValue(wait))
                {
                    batch = await new BatchWatch(client, Terminal.Errors(), TimeProvider.System).ShowAsync(id, cancellationToken);
                }

                if (result.GetValue(json))
                {
                    BatchCommand.Print(batch);
                }

                return result.GetValue(wait) ? BatchWatch.ExitCodeOf(batch) : ExitCodes.Succeeded;
            },
            cancellationToken));
        return command;
    }

    /// <summary>A create whose answer was lost is repeated under its name, so that it makes no second batch.</summary>
    private static async Task<JsonElement> CreateAsync(BatchClient client, RequestFile file, string? stage, string name, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await client.CreateAsync(file, stage, name, cancellationToken);
            }
            catch (ServerUnreachable failure) when (failure.WasSent)
            {
                if (attempt == Attempts)
                {
                    throw new ServerUnreachable($"{failure.Message} It is not known whether {file.Name} was submitted; submit it with --idempotency-key {name}, which makes no second batch.");
                }

                await Task.Delay(Pause, cancellationToken);
            }
        }
    }
}
