namespace BatchBus.Api;

/// <summary>Limits and addresses of the HTTP side; section <c>BatchBus</c>.</summary>
public sealed class ApiOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "BatchBus";

    /// <summary>Base of <c>results_url</c> as clients reach it, a path prefix included.</summary>
    /// <value>None: the scheme and host of the request, with <c>X-Forwarded-*</c> taken into account where the host is configured to.</value>
    public Uri? PublicBaseUrl { get; set; }

    /// <summary>Whether a request without the header <c>anthropic-version</c> is refused, as the managed API does.</summary>
    /// <value>False.</value>
    public bool RequireAnthropicVersion { get; set; }

    /// <summary>Largest body of a create, bytes.</summary>
    /// <value>256 MiB.</value>
    public long MaxBatchBytes { get; set; } = 256L << 20;

    /// <summary>Most requests in one batch.</summary>
    /// <value>100,000.</value>
    public int MaxBatchRequests { get; set; } = 100_000;

    /// <summary>Largest single request of a batch, bytes.</summary>
    /// <value>32 MiB.</value>
    public int MaxRequestBytes { get; set; } = 32 << 20;

    /// <summary>Longest that the body of a create may take to arrive.</summary>
    /// <value>15 minutes; the official clients give up after 10.</value>
    public TimeSpan MaxUploadTime { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>From the creation of a batch to its expiry, unless it says <c>expires_in_seconds</c>.</summary>
    /// <value>24 hours.</value>
    public TimeSpan Window { get; set; } = TimeSpan.FromHours(24);
}
