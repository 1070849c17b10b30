using BatchBus.Contracts;
using StackExchange.Redis;

namespace BatchBus.Storage.Submissions;

/// <summary>Which batch a submission has become, so that a repeated one makes no second batch.</summary>
public sealed class SubmissionStore(IConnectionMultiplexer redis)
{
    /// <summary>How long a submission is remembered.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromDays(2);

    private static readonly Script Claim = Script.Load("claim_submission");

    /// <summary>Ties a submission to a batch id and returns the id that it is tied to: the caller's own, or an earlier one.</summary>
    /// <param name="workspace">Whose submission it is.</param>
    /// <param name="submission">The sender's name for it.</param>
    /// <param name="batchId">The id to tie it to.</param>
    /// <param name="replaces">An id that turned out to stand for nothing, and gives way.</param>
    public async Task<Guid> ClaimAsync(string workspace, string submission, Guid batchId, Guid? replaces = null)
    {
        var tied = (string?)await Claim.RunAsync(
            redis.GetDatabase(),
            [$"batchbus:submission:{workspace}:{submission}"],
            [BatchId.Format(batchId), replaces is { } old ? BatchId.Format(old) : "", (long)Memory.TotalSeconds]);
        return BatchId.TryParse(tied, out var id) ? id : throw new InvalidDataException($"A submission is tied to '{tied}', which is no batch id.");
    }
}
