using System.Net;
using System.Net.Sockets;

namespace BatchBus.Webhooks;

/// <summary>Which addresses a webhook may not be sent to: all that are not of the public internet, or are a cloud's own.</summary>
internal static class AddressRules
{
    private static readonly IPNetwork[] RefusedV4 =
    [
        Network("0.0.0.0/8"), // this network, unspecified
        Network("10.0.0.0/8"), // private
        Network("100.64.0.0/10"), // carrier-grade NAT, and the metadata of Alibaba Cloud
        Network("127.0.0.0/8"), // loopback
        Network("168.63.129.16/32"), // Azure's services to its machines; a public address
        Network("169.254.0.0/16"), // link-local, and the metadata of most clouds
        Network("172.16.0.0/12"), // private
        Network("192.0.0.0/24"), // protocol assignments, and the metadata of Oracle Cloud
        Network("192.0.2.0/24"), // documentation
        Network("192.88.99.0/24"), // 6to4 relays
        Network("192.168.0.0/16"), // private
        Network("198.18.0.0/15"), // benchmarking
        Network("198.51.100.0/24"), // documentation
        Network("203.0.113.0/24"), // documentation
        Network("224.0.0.0/4"), // multicast
        Network("240.0.0.0/4"), // reserved, broadcast
    ];

    /// <summary>All that is assigned to hosts; loopback, link-local, unique-local and multicast lie outside, as do IPv4 addresses in disguise.</summary>
    private static readonly IPNetwork GlobalV6 = Network("2000::/3");

    private static readonly IPNetwork[] RefusedV6 =
    [
        Network("2001::/23"), // protocol assignments: Teredo, benchmarking, ORCHID
        Network("2001:db8::/32"), // documentation
        Network("2002::/16"), // 6to4, which leads to any IPv4 address
        Network("3fff::/20"), // documentation
    ];

    /// <summary>What a network with IPv6 only reaches IPv4 by; its last four bytes are that address.</summary>
    private static readonly IPNetwork Nat64 = Network("64:ff9b::/96");

    /// <summary>Whether nothing is to be sent to an address, whatever form an IPv4 address has been given.</summary>
    public static bool IsRefused(IPAddress address)
    {
        address = Plain(address);
        return address.AddressFamily switch
        {
            AddressFamily.InterNetwork => RefusedV4.Any(network => network.Contains(address)),
            AddressFamily.InterNetworkV6 when Nat64.Contains(address) => IsRefused(new IPAddress(address.GetAddressBytes().AsSpan(12))),
            AddressFamily.InterNetworkV6 => !GlobalV6.Contains(address) || RefusedV6.Any(network => network.Contains(address)),
            _ => true,
        };
    }

    /// <summary>An address as itself: neither mapped into IPv6 nor tied to an interface.</summary>
    public static IPAddress Plain(IPAddress address)
        => address.IsIPv4MappedToIPv6 ? address.MapToIPv4()
            : address is { AddressFamily: AddressFamily.InterNetworkV6, ScopeId: not 0 } ? new IPAddress(address.GetAddressBytes())
            : address;

    private static IPNetwork Network(string text) => IPNetwork.Parse(text);
}
