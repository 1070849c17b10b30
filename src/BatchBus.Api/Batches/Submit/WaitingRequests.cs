using BatchBus.Api.Errors;
using BatchBus.Api.Keys;
using BatchBus.Storage.Limits;

namespace BatchBus.Api.Batches.Submit;

/// <summary>Counts the requests of a batch among those that wait, where a key of the workspace has a limit for that.</summary>
internal sealed class WaitingRequests(LimitStore limits)
{
    private static readonly TimeSpan QueueRetry = TimeSpan.FromSeconds(30);

    /// <exception cref="ApiException">They are more than may wait.</exception>
    public async Task AddAsync(Caller caller, Guid batchId, int requests)
    {
        if (caller.SmallestWaiting is not { } smallest)
        {
            return;
        }

        if (requests > caller.MaxWaitingRequests)
        {
            // Waiting would not help, and a 429 would be tried again.
            throw ApiException.InvalidRequest($"requests: List should have at most {caller.MaxWaitingRequests} items with this API key. Split the batch.");
        }

        var waiting = await limits.AddWaitingAsync(caller.Workspace, batchId, requests, caller.MaxWaitingRequests ?? smallest);
        if (waiting is null)
        {
            return;
        }

        if (caller.MaxWaitingRequests is { } most)
        {
            throw ApiException.RateLimited(
                $"{waiting} requests of this workspace are waiting in batches already, and {most} may with this API key. Submit this batch when others have ended.", QueueRetry);
        }

        await limits.AddWaitingAsync(caller.Workspace, batchId, requests, long.MaxValue);
    }

    /// <summary>Takes a batch that came to nothing out of the count.</summary>
    public Task RemoveAsync(Caller caller, Guid batchId)
        => caller.SmallestWaiting is null ? Task.CompletedTask : limits.RemoveWaitingAsync(caller.Workspace, batchId);
}
