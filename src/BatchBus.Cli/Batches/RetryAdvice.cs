using System.Text.Json;

namespace BatchBus.Cli.Batches;

/// <summary>Whether it may help to try again what did not succeed.</summary>
internal static class RetryAdvice
{
    /// <summary>What to say where it cannot.</summary>
    public const string InVain = "As they are, they will fail again: mend them, and submit them anew.";

    /// <summary>Whether a request that ended with this error may succeed another time, as it is.</summary>
    public static bool MayPass(string? errorType) => errorType is not ("invalid_request_error" or "not_found_error" or "request_too_large");

    /// <summary>Whether one of an ended batch's requests may. Looked at are the first few hundred; of more it is assumed.</summary>
    public static async Task<bool> MayHelpAsync(BatchClient client, JsonElement batch, CancellationToken cancellationToken)
    {
        if (BatchCommand.CountOf(batch, "canceled") + BatchCommand.CountOf(batch, "expired") > 0)
        {
            return true;
        }

        try
        {
            var errored = await client.ErroredAsync(BatchCommand.IdOf(batch), cancellationToken);
            return errored.GetProperty("has_more").GetBoolean()
                || errored.GetProperty("data").EnumerateArray().Any(request => MayPass(request.GetProperty("error").GetProperty("type").GetString()));
        }
        catch (CommandFailure)
        {
            // An advice is no reason to fail; whoever follows it is told.
            return true;
        }
    }
}
