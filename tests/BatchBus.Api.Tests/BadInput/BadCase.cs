namespace BatchBus.Api.Tests.BadInput;

/// <summary>One call that must be refused.</summary>
/// <param name="Category">What kind of mistake it is.</param>
/// <param name="Name">Tells it apart within its category.</param>
/// <param name="Body">The body as it goes over the wire.</param>
/// <param name="Status">The status of the refusal.</param>
/// <param name="Type">The documented <c>error.type</c> of the refusal.</param>
internal sealed record BadCase(string Category, string Name, byte[] Body, int Status = 400, string Type = "invalid_request_error")
{
    public string Method { get; init; } = "POST";

    public string Path { get; init; } = "/v1/messages/batches";

    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>Whether the first key is sent along.</summary>
    public bool WithKey { get; init; } = true;

    public override string ToString() => $"{Category}: {Name}";
}
