using System.Globalization;
using BatchBus.Contracts;
using StackExchange.Redis;

namespace BatchBus.Storage.Submissions;

/// <summary>Which batch a submission has become, so that a repeated one makes no second batch.</summary>
public sealed class SubmissionStore(IConnectionMultiplexer redis)
{
    /// <summary>How long a submission is remembered that its sender has named.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromDays(2);

    private static readonly Script Claim = Script.Load("claim_submission");
    private static readonly Script Hold = Script.Load("hold_submission");
    private static readonly Script Release = Script.Load("release_submission");

    private IDatabase Database => redis.GetDatabase();

    /// <summary>Ties a submission to a batch id and returns what it is tied to: the caller's own id, or an earlier one.</summary>
    /// <param name="workspace">Whose submission it is.</param>
    /// <param name="submission">The name for it; its last part after a <c>:</c> has a fixed length, so that no two workspaces meet.</param>
    /// <param name="batchId">The id to tie it to.</param>
    /// <param name="replaces">An id that turned out to stand for nothing, and gives way.</param>
    /// <param name="lease">For how long the caller counts as alive before it is heard of again.</param>
    /// <param name="memory">How long the tie is remembered; <see cref="Memory"/> when not given.</param>
    public Task<SubmissionTie> ClaimAsync(
        string workspace, string submission, Guid batchId, Guid? replaces = null, TimeSpan lease = default, TimeSpan? memory = null)
        => TieAsync(workspace, submission, batchId, replaces is { } old ? BatchId.Format(old) : "", lease, memory ?? Memory);

    /// <summary>Ties a submission to a batch id, whatever it was tied to.</summary>
    /// <inheritdoc cref="ClaimAsync"/>
    public Task RecordAsync(string workspace, string submission, Guid batchId, TimeSpan lease, TimeSpan memory)
        => TieAsync(workspace, submission, batchId, "*", lease, memory);

    /// <summary>Says that the maker of a submission's batch is alive; false when the submission is tied to another batch by now.</summary>
    /// <param name="workspace">Whose submission it is.</param>
    /// <param name="submission">The name for it.</param>
    /// <param name="batchId">The id that it was tied to.</param>
    /// <param name="lease">For how long the caller counts as alive from now on.</param>
    /// <param name="body">Hash of what was submitted, to be kept with the tie.</param>
    public async Task<bool> HoldAsync(string workspace, string submission, Guid batchId, TimeSpan lease, string? body = null)
        => (bool)await Hold.RunAsync(Database, [Key(workspace, submission)], [BatchId.Format(batchId), (long)lease.TotalMilliseconds, body ?? ""]);

    /// <summary>Forgets a submission whose batch came to nothing, unless it is tied to another by now.</summary>
    public Task ReleaseAsync(string workspace, string submission, Guid batchId)
        => Release.RunAsync(Database, [Key(workspace, submission)], [BatchId.Format(batchId)]);

    private static RedisKey Key(string workspace, string submission) => $"batchbus:submission:{workspace}:{submission}";

    private async Task<SubmissionTie> TieAsync(
        string workspace, string submission, Guid batchId, string replaces, TimeSpan lease, TimeSpan memory)
    {
        var tie = (string[])(await Claim.RunAsync(
            Database,
            [Key(workspace, submission)],
            [BatchId.Format(batchId), replaces, (long)memory.TotalSeconds, (long)lease.TotalMilliseconds]))!;
        return BatchId.TryParse(tie[0], out var id)
            ? new SubmissionTie(id, tie[1].Length > 0 ? tie[1] : null, TimeSpan.FromMilliseconds(long.Parse(tie[2], CultureInfo.InvariantCulture)), tie[3] == "1")
            : throw new InvalidDataException($"A submission is tied to '{tie[0]}', which is no batch id.");
    }
}
