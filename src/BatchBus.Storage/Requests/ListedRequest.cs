namespace BatchBus.Storage.Requests;

/// <summary>A place in the order in which requests are listed.</summary>
/// <param name="Lane">The lane.</param>
/// <param name="Position">The position in it.</param>
public readonly record struct RequestPosition(int Lane, int Position);

/// <summary>One request of a list.</summary>
/// <param name="Place">Where it stands.</param>
/// <param name="Index">Position in the batch as it was submitted, from 0.</param>
/// <param name="CustomId">The caller's name for it.</param>
/// <param name="State">What has become of it.</param>
/// <param name="Model">The model that executes it; null where it can be routed nowhere.</param>
/// <param name="Rule">Which routing rule chose the model, as the number of the rule's enum member; null where the stage of the whole batch did.</param>
public sealed record ListedRequest(RequestPosition Place, int Index, string CustomId, RequestState State, string? Model, byte? Rule)
{
    /// <summary>The documented <c>error.type</c> and the message; null where there is no error.</summary>
    public (string Type, string Message)? Error { get; init; }
}

/// <summary>What has become of a request.</summary>
public enum RequestState
{
    /// <summary>No worker has it.</summary>
    Waiting,

    /// <summary>A worker has it, and gets its answer as soon as the model's endpoint takes it.</summary>
    Running,

    /// <summary>The model answered it.</summary>
    Succeeded,

    /// <summary>It ended with an error.</summary>
    Errored,

    /// <summary>Its batch was canceled first.</summary>
    Canceled,

    /// <summary>Its batch expired first.</summary>
    Expired,
}
