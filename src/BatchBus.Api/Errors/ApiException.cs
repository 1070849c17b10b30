namespace BatchBus.Api.Errors;

/// <summary>An error that is the caller's to know of, in the API's documented form.</summary>
/// <param name="status">HTTP status.</param>
/// <param name="type">The documented <c>error.type</c>.</param>
/// <param name="message">The field and the remedy.</param>
internal sealed class ApiException(int status, string type, string message) : Exception(message)
{
    public int Status => status;

    public string Type => type;

    /// <summary>When the caller may try again.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public static ApiException InvalidRequest(string message) => new(400, "invalid_request_error", message);

    public static ApiException Unauthenticated(string message) => new(401, "authentication_error", message);

    public static ApiException NotFound(string message) => new(404, "not_found_error", message);

    public static ApiException TooLarge(string message) => new(413, "request_too_large", message);

    public static ApiException Overloaded(string message) => new(529, "overloaded_error", message) { RetryAfter = TimeSpan.FromSeconds(5) };
}
