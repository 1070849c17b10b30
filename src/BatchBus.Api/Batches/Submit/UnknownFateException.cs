namespace BatchBus.Api.Batches.Submit;

/// <summary>The store was lost in the middle of a commit and it cannot be found out whether the batch stands: neither yes nor no may be answered.</summary>
internal sealed class UnknownFateException(Exception cause) : Exception("It is not known whether the batch was committed.", cause);
