namespace BatchBus.Inference;

/// <summary>One request as it is given to an endpoint.</summary>
/// <param name="Parameters">The request's <c>params</c> object as UTF-8 JSON.</param>
public sealed record ModelCall(ReadOnlyMemory<byte> Parameters)
{
    /// <summary>Whether the call may still be made; asked at the last moment before it is sent. Where it may not, the call is canceled.</summary>
    public Func<bool>? MayBegin { get; init; }

    /// <summary>Whether the answer will be kept; asked after each look at a job. Where it will not, the call is canceled, and the job is its owner's to cancel.</summary>
    public Func<bool>? IsWanted { get; init; }

    /// <summary>How long an answer is of use: until the batch expires.</summary>
    public TimeSpan TimeLeft { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Id of a job that has been submitted for this request before, at this endpoint, and may be over by now; null to submit one.</summary>
    public string? Job { get; init; }

    /// <summary>Is told the id of a job that was submitted, and waited for before anything else is done.</summary>
    public Func<string, Task>? Submitted { get; init; }
}
