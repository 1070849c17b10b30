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

    /// <summary>The documented <c>details.error_code</c>, where there is one.</summary>
    public string? Code { get; init; }

    public static ApiException InvalidRequest(string message, string? code = null) => new(400, "invalid_request_error", message) { Code = code };

    public static ApiException Unauthenticated(string message) => new(401, "authentication_error", message);

    public static ApiException NotFound(string message) => new(404, "not_found_error", message);

    public static ApiException TooSlow(string message) => new(408, "timeout_error", message);

    /// <summary>Clients try again by themselves, so this is only for what may pass by itself.</summary>
    public static ApiException Conflict(string message) => new(409, "conflict_error", message) { RetryAfter = TimeSpan.FromSeconds(1) };

    public static ApiException TooLarge(string message) => new(413, "request_too_large", message);

    public static ApiException BatchTooLarge(long mostBytes, bool decoded) => new(
        413,
        "request_too_large",
        $"The body is larger than {mostBytes} bytes{(decoded ? " once it is decoded" : "")}, the most for one batch. Split it into several.")
    {
        Code = decoded ? "request_body_too_large_after_decoding" : null,
    };

    /// <summary>The clients wait no longer than they are told to, and not at all where that is a minute or more.</summary>
    public static ApiException RateLimited(string message, TimeSpan retryAfter)
        => new(429, "rate_limit_error", message) { RetryAfter = TimeSpan.FromSeconds(Math.Clamp(Math.Ceiling(retryAfter.TotalSeconds), 1, 59)) };

    public static ApiException Overloaded(string message) => new(529, "overloaded_error", message) { RetryAfter = TimeSpan.FromSeconds(5) };
}
