namespace BatchBus.Storage.Pages;

/// <summary>Where a request without a result is.</summary>
/// <param name="State">What holds of its page.</param>
/// <param name="From">Position in its lane of the page's first request; 0 while it is in none.</param>
/// <param name="Count">Number of requests in the page; 0 while it is in none.</param>
/// <param name="Worker">Who has the page; null where nobody has.</param>
/// <param name="Attempt">How often the page was taken; 0 while it never was.</param>
/// <param name="Left">How long the state lasts unless it is renewed.</param>
/// <param name="Job">The job that was submitted for the request; null where there is none.</param>
/// <param name="LastFailure">How the last call failed; null where none has.</param>
public sealed record RequestPlace(
    RequestPlaceState State, int From, int Count, string? Worker, int Attempt, TimeSpan Left, SubmittedJob? Job, CallFailure? LastFailure);

/// <summary>What holds of the page of a request.</summary>
public enum RequestPlaceState
{
    /// <summary>No worker has had it yet.</summary>
    Waiting,

    /// <summary>A worker has it.</summary>
    WithWorker,

    /// <summary>The worker that had it is not heard of any more.</summary>
    Lapsed,

    /// <summary>It was given back and is sent again later.</summary>
    Deferred,

    /// <summary>It was sent once more, as nobody had taken it.</summary>
    SentAgain,
}
