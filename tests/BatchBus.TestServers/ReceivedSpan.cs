namespace BatchBus.TestServers;

/// <summary>One span as it was exported.</summary>
/// <param name="TraceId">Hexadecimal.</param>
/// <param name="SpanId">Hexadecimal.</param>
/// <param name="ParentId">Hexadecimal; empty for the first of a trace.</param>
/// <param name="Scope">The source that it comes from.</param>
/// <param name="Name">What it is about.</param>
/// <param name="Kind">1 internal, 2 server, 3 client, 4 producer, 5 consumer.</param>
/// <param name="HasError">Whether its status is an error.</param>
/// <param name="Attributes">Texts, numbers as <see cref="long"/>, arrays of texts.</param>
/// <param name="Links">The spans that it links to, as trace and span.</param>
public sealed record ReceivedSpan(
    string TraceId,
    string SpanId,
    string ParentId,
    string Scope,
    string Name,
    int Kind,
    bool HasError,
    IReadOnlyDictionary<string, object?> Attributes,
    IReadOnlyList<(string TraceId, string SpanId)> Links);
