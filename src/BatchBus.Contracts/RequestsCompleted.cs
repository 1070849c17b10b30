namespace BatchBus.Contracts;

/// <summary>
/// Every request of one page has a stored result. Published by the worker that completed the page, and again when the page is asked
/// for once more; a subscriber treats batch, lane and range as the key.
/// </summary>
public sealed record RequestsCompleted
{
    /// <summary>The batch.</summary>
    public required Guid BatchId { get; init; }

    /// <summary>The model of the catalogue that executed the page.</summary>
    public required string Model { get; init; }

    /// <summary>The lane that the range lies in, as in <see cref="ExecuteRequests.Lane"/>.</summary>
    public required int Lane { get; init; }

    /// <summary>Position of the page's first request within its lane, from 0.</summary>
    public required int From { get; init; }

    /// <summary>Number of requests in the page.</summary>
    public required int Count { get; init; }

    /// <summary>The page's requests in the order of the batch.</summary>
    public required IReadOnlyList<RequestCompleted> Requests { get; init; }
}

/// <summary>One completed request of a page.</summary>
public sealed record RequestCompleted
{
    /// <summary>Position of the request in the batch as it was submitted, from 0.</summary>
    public required int Index { get; init; }

    /// <summary>The caller's name for the request.</summary>
    public required string CustomId { get; init; }

    /// <summary>What came of it.</summary>
    public required RequestOutcome Outcome { get; init; }

    /// <summary>Tokens of the prompt, cached ones excluded; 0 unless it succeeded.</summary>
    public int InputTokens { get; init; }

    /// <summary>Tokens of the prompt that the model server had cached.</summary>
    public int CachedTokens { get; init; }

    /// <summary>Tokens that the model generated.</summary>
    public int OutputTokens { get; init; }
}

/// <summary>What came of one request; the names are those of <c>result.type</c> over HTTP.</summary>
public enum RequestOutcome
{
    /// <summary>The model answered.</summary>
    Succeeded = 1,

    /// <summary>The request is invalid, or the model could not answer it.</summary>
    Errored = 2,

    /// <summary>The batch was canceled before the request was executed.</summary>
    Canceled = 3,

    /// <summary>The batch expired before the request was executed.</summary>
    Expired = 4,
}
