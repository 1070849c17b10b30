using System.CommandLine;
using System.Text.Json;

namespace BatchBus.Cli.Batches;

/// <summary>What the commands that talk to a server have in common.</summary>
internal static class BatchCommand
{
    public static Argument<string> BatchArgument() => new("BATCH") { Description = "The batch's id, msgbatch_…" };

    /// <summary>Runs a command against the server and turns what goes wrong into a sentence and an exit code.</summary>
    public static async Task<int> RunAsync(string? server, Func<BatchClient, Task<int>> command, CancellationToken cancellationToken)
    {
        try
        {
            using var client = ServerAccess.Connect(server);
            return await command(client);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Interrupted. The server goes on with what it has; start the same command again to look at it.");
            return ExitCodes.Failed;
        }
        catch (CommandFailure failure)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            return failure.ExitCode;
        }
    }

    /// <summary>Prints one JSON document on one line.</summary>
    public static void Print(JsonElement json) => Console.WriteLine(json.GetRawText());

    public static string IdOf(JsonElement batch) => batch.GetProperty("id").GetString()!;

    public static int CountOf(JsonElement batch, string outcome) => batch.GetProperty("request_counts").GetProperty(outcome).GetInt32();

    public static int TotalOf(JsonElement batch) => batch.GetProperty("request_counts").EnumerateObject().Sum(count => count.Value.GetInt32());
}
