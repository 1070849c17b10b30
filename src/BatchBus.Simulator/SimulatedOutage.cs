namespace BatchBus.Simulator;

/// <summary>What every call to an endpoint meets while it is out of order; none of them reaches a model or the log.</summary>
public sealed record SimulatedOutage
{
    private SimulatedOutage(int? status, string? body, string contentType)
    {
        Status = status;
        Body = body;
        ContentType = contentType;
    }

    /// <summary>The connection is reset.</summary>
    public static SimulatedOutage Reset { get; } = new(null, null, "");

    /// <summary>The connection stays open without an answer, until the caller gives up; also after the outage is over.</summary>
    public static SimulatedOutage Hang { get; } = new(null, null, "");

    /// <summary>The HTTP status of each answer; null where there is no answer.</summary>
    public int? Status { get; }

    /// <summary>The body of each answer; null for a page as a gateway sends it.</summary>
    public string? Body { get; }

    /// <summary>The content type of each answer.</summary>
    public string ContentType { get; }

    /// <summary>Every call is answered with a status, such as 500, 502, 503 or 401, and a body.</summary>
    /// <param name="status">From 200 to 599.</param>
    /// <param name="body">Default: an HTML page as a gateway sends it.</param>
    /// <param name="contentType">Of the body.</param>
    public static SimulatedOutage Answer(int status, string? body = null, string contentType = "text/html")
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(status, 200);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(status, 599);
        return new SimulatedOutage(status, body, contentType);
    }
}
