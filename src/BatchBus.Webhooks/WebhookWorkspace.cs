namespace BatchBus.Webhooks;

/// <summary>Where a workspace's ends are sent and how they are signed; section <c>BatchBus:Workspaces:{name}</c>.</summary>
public sealed class WebhookWorkspace
{
    /// <summary>The section that holds all workspaces.</summary>
    public const string Section = "BatchBus:Workspaces";

    /// <summary>Where the ends of batches are sent that say no <c>webhook_url</c> of their own. Holds for batches that are created from then on.</summary>
    /// <value>None.</value>
    public string? WebhookUrl { get; set; }

    /// <summary>What webhooks are signed with, newest first: <c>whsec_</c> and 24 to 64 bytes in base64. Two while one replaces the other.</summary>
    /// <value>None, and then no webhook can be asked for.</value>
    public string[] WebhookSecrets { get; set; } = [];
}

/// <summary>The configured workspaces by name; one that is not named has the defaults.</summary>
public sealed class WebhookWorkspaces : Dictionary<string, WebhookWorkspace>
{
    /// <summary>What holds for a workspace.</summary>
    public WebhookWorkspace Of(string workspace) => TryGetValue(workspace, out var options) ? options : new WebhookWorkspace();
}
