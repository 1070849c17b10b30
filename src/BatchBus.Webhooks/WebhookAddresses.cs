using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace BatchBus.Webhooks;

/// <summary>Which addresses may be sent to, and what a host's name stands for.</summary>
/// <param name="options">What is allowed besides the public internet.</param>
/// <param name="resolve">Every address of a name, or of an address that is written out.</param>
public sealed class WebhookAddresses(IOptions<WebhookOptions> options, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
{
    private readonly IPNetwork[] _networks = [.. options.Value.AllowedAddresses.Select(NetworkOf).OfType<IPNetwork>()];
    private readonly HashSet<string> _hosts = new(options.Value.AllowedAddresses.Where(entry => NetworkOf(entry) is null), StringComparer.OrdinalIgnoreCase);

    /// <summary>Every address of a host, all of which may be sent to.</summary>
    /// <exception cref="RefusedAddressException">One may not.</exception>
    /// <exception cref="SocketException">The name cannot be resolved.</exception>
    public async Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        var addresses = await resolve(host, cancellationToken);
        return addresses.FirstOrDefault(address => !IsAllowed(host, address)) is { } refused ? throw new RefusedAddressException(refused) : addresses;
    }

    /// <summary>What can be the entry of a list: an address, a network or a name.</summary>
    internal static bool IsEntry(string entry) => NetworkOf(entry) is not null || Uri.CheckHostName(entry) is UriHostNameType.Dns;

    private bool IsAllowed(string host, IPAddress address)
        => !AddressRules.IsRefused(address) || _hosts.Contains(host) || _networks.Any(network => network.Contains(AddressRules.Plain(address)));

    private static IPNetwork? NetworkOf(string entry)
        => IPNetwork.TryParse(entry, out var network) ? network
            : IPAddress.TryParse(entry, out var address) ? new IPNetwork(address, address.AddressFamily is AddressFamily.InterNetwork ? 32 : 128)
            : null;
}

/// <summary>A host has an address that is not to be sent to.</summary>
/// <param name="address">The address.</param>
public sealed class RefusedAddressException(IPAddress address) : Exception($"{address} is not an address of the public internet; {WebhookOptions.AllowedSetting}={address} would allow it");
