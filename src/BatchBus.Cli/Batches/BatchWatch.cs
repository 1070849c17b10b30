using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace BatchBus.Cli.Batches;

/// <summary>Follows a batch to its end and says what came of it.</summary>
internal sealed class BatchWatch(BatchClient client, IAnsiConsole console, TimeProvider time)
{
    /// <summary>Shows the batch until it has ended, and then its sums. Returns the batch object.</summary>
    public async Task<JsonElement> ShowAsync(string id, CancellationToken cancellationToken)
    {
        var ended = await new ProgressDisplay(console, time, client.ObstaclesAsync).ShowAsync(client.FollowAsync(id, cancellationToken).Select(update => update.Progress()), cancellationToken);
        var batch = await client.FindAsync(id, cancellationToken);
        new Summary(console, "give the models endpoints").Show(ended);
        console.WriteLine($"{Outcome(batch)}.");
        foreach (var step in await NextStepsAsync(batch, cancellationToken))
        {
            console.WriteLine(step);
        }

        return batch;
    }

    /// <summary>Whether everything succeeded, for a script.</summary>
    public static int ExitCodeOf(JsonElement batch)
        => BatchCommand.CountOf(batch, "succeeded") == BatchCommand.TotalOf(batch) ? ExitCodes.Succeeded : ExitCodes.SomeNotSucceeded;

    /// <summary>What the requests came to: "46 succeeded, 2 errored".</summary>
    public static string Outcome(JsonElement batch) => string.Join(", ", batch.GetProperty("request_counts").EnumerateObject()
        .Where(count => count.Value.GetInt32() > 0)
        .Select(count => string.Create(CultureInfo.InvariantCulture, $"{count.Value.GetInt32():N0} {count.Name}")));

    private async Task<string[]> NextStepsAsync(JsonElement batch, CancellationToken cancellationToken)
    {
        var id = BatchCommand.IdOf(batch);
        if (ExitCodeOf(batch) == ExitCodes.Succeeded)
        {
            return [$"Download: batchbus results {id} --output results.jsonl"];
        }

        return
        [
            $"What failed: batchbus results {id} --failed",
            await RetryAdvice.MayHelpAsync(client, batch, cancellationToken)
                ? $"Try it again: batchbus retry-failed {id}"
                : RetryAdvice.InVain,
        ];
    }
}
