namespace BatchBus.Storage.Pages;

/// <summary>A job that was submitted for a request.</summary>
/// <param name="Endpoint">The name of the endpoint that has it.</param>
/// <param name="Id">Its id there.</param>
public readonly record struct SubmittedJob(string Endpoint, string Id)
{
    internal static SubmittedJob Parse(string note) => note.Split('|') is var parts ? new SubmittedJob(parts[0], parts[1]) : default;
}
