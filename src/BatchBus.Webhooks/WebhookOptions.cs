namespace BatchBus.Webhooks;

/// <summary>How the ends of batches are sent to their receivers; section <c>BatchBus:Webhooks</c>.</summary>
public sealed class WebhookOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "BatchBus:Webhooks";

    /// <summary>The setting that allows an address, as an operator writes it.</summary>
    internal const string AllowedSetting = "BatchBus__Webhooks__AllowedAddresses__0";

    private static readonly TimeSpan[] StandardDelays =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(30), TimeSpan.FromHours(2), TimeSpan.FromHours(5),
        TimeSpan.FromHours(10), TimeSpan.FromHours(14), TimeSpan.FromHours(20), TimeSpan.FromHours(24),
    ];

    /// <summary>Addresses (<c>10.1.2.3</c>), networks (<c>10.1.0.0/16</c>) and host names that may be sent to although they are not public.</summary>
    /// <value>None.</value>
    public string[] AllowedAddresses { get; set; } = [];

    /// <summary>From each failed attempt to the next; after the last there is none.</summary>
    /// <value>Those of the Standard Webhooks specification: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.</value>
    public TimeSpan[]? RetryDelays { get; set; }

    /// <summary>How long a receiver may take to answer.</summary>
    /// <value>15 seconds.</value>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>What <c>results_url</c> begins with; empty makes it a path.</summary>
    internal string BaseUrl { get; set; } = "";

    /// <summary>The delays that hold.</summary>
    public IReadOnlyList<TimeSpan> Delays => RetryDelays ?? StandardDelays;
}
