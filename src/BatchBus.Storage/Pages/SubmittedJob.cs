namespace BatchBus.Storage.Pages;

/// <summary>A job that was submitted for a request.</summary>
/// <param name="Endpoint">The name of the endpoint that has it.</param>
/// <param name="Id">Its id there.</param>
public readonly record struct SubmittedJob(string Endpoint, string Id);
