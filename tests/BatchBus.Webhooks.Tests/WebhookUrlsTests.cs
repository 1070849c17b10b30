using System.Net;

namespace BatchBus.Webhooks.Tests;

public sealed class WebhookUrlsTests
{
    [TestCase("http://127.0.0.1/"), TestCase("https://127.1/"), TestCase("http://2130706433/"), TestCase("http://0x7f000001/"), TestCase("http://0177.0.0.1/")]
    [TestCase("http://[::1]/"), TestCase("http://[::ffff:10.0.0.1]:8080/x"), TestCase("http://[fe80::1%25eth0]/"), TestCase("http://[64:ff9b::7f00:1]/")]
    [TestCase("http://169.254.169.254/latest/meta-data/"), TestCase("http://[fd00:ec2::254]/"), TestCase("http://127。0。0。1/")]
    public async Task An_address_that_is_not_public_is_refused_however_it_is_written(string url)
    {
        using var webhooks = new Webhooks();

        Assert.That(await webhooks.ProblemAsync(url), Does.Contain("not an address of the public internet").And.Contain("BatchBus__Webhooks__AllowedAddresses__0=").And.Contain("ask the operator"));
    }

    [TestCase(""), TestCase("/hook"), TestCase("example.com/hook"), TestCase("ftp://8.8.8.8/"), TestCase("file:///etc/passwd"), TestCase("gopher://8.8.8.8/"), TestCase("http://")]
    public async Task What_is_no_address_is_refused(string url)
    {
        using var webhooks = new Webhooks();

        Assert.That(await webhooks.ProblemAsync(url), Does.Contain("absolute https or http address"));
    }

    [Test]
    public async Task A_name_and_password_are_refused_as_is_what_is_too_long()
    {
        using var webhooks = new Webhooks();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await webhooks.ProblemAsync("https://user:secret@8.8.8.8/"), Does.Contain("user name").And.Not.Contain("secret"));
            Assert.That(await webhooks.ProblemAsync($"https://8.8.8.8/{new string('x', 2048)}"), Does.Contain("2048"));
            Assert.That(await webhooks.ProblemAsync($"https://8.8.8.8/{new string('x', 2000)}"), Is.Null);
        }
    }

    [Test]
    public async Task One_address_of_a_name_that_is_not_public_is_enough_to_refuse_it()
    {
        using var webhooks = new Webhooks { Resolve = _ => [IPAddress.Parse("8.8.8.8"), IPAddress.Parse("10.0.0.1")] };

        Assert.That(await webhooks.ProblemAsync("https://hooks.example/"), Does.StartWith("10.0.0.1"));
    }

    [Test]
    public async Task A_name_that_cannot_be_resolved_yet_is_accepted()
    {
        using var webhooks = new Webhooks();

        Assert.That(await webhooks.ProblemAsync("https://not-yet.example/"), Is.Null);
    }

    [Test]
    public async Task What_the_operator_allows_is_accepted_and_nothing_beside_it()
    {
        using var webhooks = new Webhooks(
            ("BatchBus:Webhooks:AllowedAddresses:0", "10.1.0.0/16"), ("BatchBus:Webhooks:AllowedAddresses:1", "127.0.0.1"), ("BatchBus:Webhooks:AllowedAddresses:2", "crm.internal"))
        {
            Resolve = host => [host == "crm.internal" ? IPAddress.Parse("192.168.1.1") : IPAddress.Parse(host.Trim('[', ']'))],
        };

        using (Assert.EnterMultipleScope())
        {
            Assert.That(await webhooks.ProblemAsync("http://10.1.255.1/"), Is.Null);
            Assert.That(await webhooks.ProblemAsync("http://[::ffff:10.1.0.1]/"), Is.Null);
            Assert.That(await webhooks.ProblemAsync("http://127.0.0.1:9000/"), Is.Null);
            Assert.That(await webhooks.ProblemAsync("http://CRM.internal/"), Is.Null);
            Assert.That(await webhooks.ProblemAsync("http://10.2.0.1/"), Is.Not.Null);
            Assert.That(await webhooks.ProblemAsync("http://127.0.0.2/"), Is.Not.Null);
            Assert.That(await webhooks.ProblemAsync("http://192.168.1.1/"), Is.Not.Null);
        }
    }

    [Test]
    public async Task A_workspace_without_a_secret_can_ask_for_no_webhook()
    {
        using var webhooks = new Webhooks();

        Assert.That(await webhooks.ProblemAsync("https://8.8.8.8/", "other"), Does.Contain("BatchBus__Workspaces__other__WebhookSecrets__0"));
    }

    [Test]
    public async Task All_that_is_wrong_is_told_at_once()
    {
        using var webhooks = new Webhooks();

        Assert.That(await webhooks.ProblemAsync("http://10.0.0.1/", "other"), Does.Contain("AllowedAddresses__0=10.0.0.1").And.Contain("BatchBus__Workspaces__other__WebhookSecrets__0"));
    }

    [Test]
    public void The_workspaces_own_address_holds_for_a_batch_that_gives_none()
    {
        using var webhooks = new Webhooks(("BatchBus:Workspaces:acme:WebhookUrl", "https://hooks.example/default"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(webhooks.Urls.Of("acme", null), Is.EqualTo("https://hooks.example/default"));
            Assert.That(webhooks.Urls.Of("acme", "https://hooks.example/own"), Is.EqualTo("https://hooks.example/own"));
            Assert.That(webhooks.Urls.Of("other", null), Is.Null);
        }
    }
}
