using System.Net;

namespace BatchBus.Webhooks.Tests;

public sealed class AddressRulesTests
{
    [TestCase("0.0.0.0"), TestCase("0.1.2.3")]
    [TestCase("10.0.0.0"), TestCase("10.255.255.255")]
    [TestCase("100.64.0.1"), TestCase("100.127.255.255"), TestCase("100.100.100.200")]
    [TestCase("127.0.0.1"), TestCase("127.255.255.254")]
    [TestCase("168.63.129.16")]
    [TestCase("169.254.0.1"), TestCase("169.254.169.254"), TestCase("169.254.170.2")]
    [TestCase("172.16.0.0"), TestCase("172.31.255.255")]
    [TestCase("192.0.0.1"), TestCase("192.0.0.192"), TestCase("192.0.2.1"), TestCase("192.88.99.1")]
    [TestCase("192.168.0.1"), TestCase("192.168.255.255")]
    [TestCase("198.18.0.1"), TestCase("198.19.255.255"), TestCase("198.51.100.7"), TestCase("203.0.113.9")]
    [TestCase("224.0.0.1"), TestCase("239.255.255.255"), TestCase("240.0.0.1"), TestCase("255.255.255.255")]
    [TestCase("::"), TestCase("::1")]
    [TestCase("::ffff:127.0.0.1"), TestCase("::ffff:169.254.169.254"), TestCase("::ffff:a00:1")]
    [TestCase("::127.0.0.1"), TestCase("::8.8.8.8"), TestCase("::ffff:0:127.0.0.1")]
    [TestCase("64:ff9b::127.0.0.1"), TestCase("64:ff9b::a9fe:a9fe"), TestCase("64:ff9b::10.0.0.1"), TestCase("64:ff9b:1::8.8.8.8")]
    [TestCase("2002:7f00:1::"), TestCase("2002:a9fe:a9fe::1"), TestCase("2002:808:808::1")]
    [TestCase("2001::1"), TestCase("2001:0:4136:e378:8000:63bf:f5ff:fffe"), TestCase("2001:2::1"), TestCase("2001:10::1"), TestCase("2001:20::1")]
    [TestCase("2001:db8::1"), TestCase("3fff::1"), TestCase("100::1"), TestCase("5f00::1")]
    [TestCase("fc00::1"), TestCase("fd00::1"), TestCase("fd00:ec2::254"), TestCase("fd20:ce::254")]
    [TestCase("fe80::1"), TestCase("fe80::1%1"), TestCase("fec0::1")]
    [TestCase("ff02::1"), TestCase("ff0e::1")]
    public void Nothing_is_sent_to(string address) => Assert.That(AddressRules.IsRefused(IPAddress.Parse(address)));

    [TestCase("1.1.1.1"), TestCase("8.8.8.8"), TestCase("9.255.255.255"), TestCase("11.0.0.0"), TestCase("100.63.255.255"), TestCase("100.128.0.0")]
    [TestCase("126.255.255.255"), TestCase("128.0.0.0"), TestCase("169.253.255.255"), TestCase("169.255.0.0"), TestCase("172.15.255.255"), TestCase("172.32.0.0")]
    [TestCase("192.167.255.255"), TestCase("192.169.0.0"), TestCase("198.17.255.255"), TestCase("198.20.0.0"), TestCase("223.255.255.255")]
    [TestCase("::ffff:8.8.8.8"), TestCase("64:ff9b::8.8.8.8"), TestCase("2001:200::1"), TestCase("2001:4860:4860::8888"), TestCase("2606:4700::1111"), TestCase("2a00:1450::1")]
    public void The_public_internet_is_sent_to(string address) => Assert.That(AddressRules.IsRefused(IPAddress.Parse(address)), Is.False);
}
