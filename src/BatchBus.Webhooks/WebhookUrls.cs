using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace BatchBus.Webhooks;

/// <summary>Decides at a create where the end of the batch will be sent. What a name stands for by then is checked again with every attempt.</summary>
public sealed class WebhookUrls(WebhookAddresses addresses, IOptions<WebhookWorkspaces> workspaces, TimeProvider time)
{
    private const int MaxLength = 2048;

    /// <summary>A create does not wait longer for a name server.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>The address that holds for a batch of a workspace: its own or the workspace's; null for none.</summary>
    public string? Of(string workspace, string? given) => given ?? workspaces.Value.Of(workspace).WebhookUrl;

    /// <summary>All that is wrong with an address that a batch gives, and the remedies; null when nothing is.</summary>
    public async Task<string?> ProblemAsync(string workspace, string given, CancellationToken cancellationToken)
    {
        if (Malformed(given) is { } malformed)
        {
            return malformed;
        }

        var problems = new List<string>();
        if (await RefusedAsync(new Uri(given).IdnHost, cancellationToken) is { } refused)
        {
            problems.Add($"{refused.Message}. Give an address that can be reached from the internet, or ask the operator to allow this one");
        }

        if (workspaces.Value.Of(workspace).WebhookSecrets.Length == 0)
        {
            problems.Add($"The workspace has no secret to sign with. The operator sets BatchBus__Workspaces__{workspace}__WebhookSecrets__0");
        }

        return problems.Count > 0 ? string.Join(". ", problems) : null;
    }

    /// <summary>Why nothing is to be sent to a host, by what its name stands for now.</summary>
    private async Task<RefusedAddressException?> RefusedAsync(string host, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            await addresses.ResolveAsync(host, bounded.Token);
        }
        catch (RefusedAddressException refused)
        {
            return refused;
        }
        catch (Exception error) when (error is SocketException || (error is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // It may well have an address by the time that the batch ends.
        }

        return null;
    }

    /// <summary>What is wrong with the form of an address; null when nothing is.</summary>
    internal static string? Malformed(string given)
        => given.Length > MaxLength ? $"Input should have at most {MaxLength} characters"
            : !Uri.TryCreate(given, UriKind.Absolute, out var url) || url.Scheme is not ("https" or "http") || url.Host.Length == 0
                ? "Input should be an absolute https or http address"
            : url.UserInfo.Length > 0 ? "Input should have no user name or password: whoever receives it knows the sender by the signature"
            : null;
}
