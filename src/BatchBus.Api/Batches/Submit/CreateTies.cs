using BatchBus.Api.Errors;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Submissions;

namespace BatchBus.Api.Batches.Submit;

/// <summary>Ties creates to the name that tells a repeated one, so that of all that have the same name one makes a batch.</summary>
internal sealed class CreateTies(BatchStore batches, SubmissionStore submissions, TimeProvider time)
{
    /// <summary>How long a create that is not heard of counts as alive.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    /// <summary>How long the twin of a create is waited for; below what proxies wait for an answer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(50);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Ties a create to a name; returns null when the name is now its own, or the batch that an earlier one has made.</summary>
    /// <param name="workspace">Whose create it is.</param>
    /// <param name="name">The name.</param>
    /// <param name="batchId">The id that the create's batch will have.</param>
    /// <param name="memory">How long the tie is remembered.</param>
    /// <param name="oldest">How long ago an earlier one may have been tied; an older one gives way.</param>
    /// <param name="cancellationToken">Ends the wait for a twin.</param>
    /// <exception cref="ApiException">A twin is still on its way.</exception>
    public async Task<EarlierCreate?> TieAsync(
        string workspace, string name, Guid batchId, TimeSpan memory, TimeSpan? oldest, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        Guid? replaces = null;
        while (true)
        {
            var tie = await submissions.ClaimAsync(workspace, name, batchId, replaces, Lease, memory);
            if (tie.BatchId == batchId)
            {
                return null;
            }

            if (tie.Age > oldest)
            {
                replaces = tie.BatchId;
            }
            else if (await batches.FindAsync(tie.BatchId) is { } record)
            {
                return new EarlierCreate(record, tie.Body);
            }
            else if (!tie.IsHeld)
            {
                // Whoever had the name died before its commit. Giving its upload up keeps a commit that may be under way from taking effect.
                replaces = await batches.AbandonAsync(tie.BatchId) ? tie.BatchId : null;
            }
            else if (time.GetElapsedTime(began) > Patience)
            {
                throw ApiException.Conflict("The same create is still being received over another connection. Try again shortly.");
            }
            else
            {
                await Task.Delay(Pause, time, cancellationToken);
            }
        }
    }

    /// <summary>Says again and again that a create is alive, until the token is cancelled.</summary>
    public async Task KeepAliveAsync(string workspace, string name, Guid batchId, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Lease / 4, time);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(cancellationToken);
                await submissions.HoldAsync(workspace, name, batchId, Lease);
            }
            catch (Exception error) when (error is OperationCanceledException or StackExchange.Redis.RedisException or StackExchange.Redis.RedisTimeoutException)
            {
                // A store that cannot be reached is what the next tick asks again.
            }
        }
    }
}
