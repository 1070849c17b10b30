using Microsoft.Extensions.Options;

namespace BatchBus.Webhooks.Tests;

public sealed class WebhookOptionsTests
{
    [TestCase("BatchBus:Workspaces:acme:WebhookSecrets:1", "whsec_c2hvcnQ=", "whsec_ and 24 to 64 bytes")]
    [TestCase("BatchBus:Workspaces:acme:WebhookSecrets:1", "not-a-secret", "whsec_ and 24 to 64 bytes")]
    [TestCase("BatchBus:Workspaces:acme:WebhookSecrets:2", Webhooks.OlderSecret, "at most two")]
    [TestCase("BatchBus:Workspaces:acme:WebhookUrl", "hooks.example", "WebhookUrl must be")]
    [TestCase("BatchBus:Workspaces:other:WebhookUrl", "https://hooks.example", "needs WebhookSecrets")]
    public void A_workspace_is_refused_when_it_cannot_work_and_its_secrets_stay_untold(string name, string value, string message)
    {
        using var webhooks = new Webhooks(("BatchBus:Workspaces:acme:WebhookSecrets:3", Webhooks.OlderSecret), (name, value));

        Assert.That(
            () => webhooks.Urls.Of("acme", null),
            Throws.TypeOf<OptionsValidationException>().With.Message.Contain(message).And.Message.Not.Contain(Webhooks.Secret["whsec_".Length..]).And.Message.Not.Contain("c2hvcnQ"));
    }

    [TestCase("AllowedAddresses:0", "10.0.0.0/99")]
    [TestCase("AllowedAddresses:0", "http://10.0.0.1")]
    [TestCase("Timeout", "00:00:00")]
    [TestCase("RetryDelays:0", "00:00:00")]
    [TestCase("RetryDelays:0", "8.00:00:00")]
    public void Settings_that_cannot_work_are_refused(string name, string value)
    {
        using var webhooks = new Webhooks(($"BatchBus:Webhooks:{name}", value));

        Assert.That(() => webhooks.Sender, Throws.TypeOf<OptionsValidationException>().With.Message.Contain(name.Split(':')[0]));
    }

    [Test]
    public void The_delays_are_those_of_the_specification_and_last_three_days()
    {
        var options = new WebhookOptions();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(string.Join(' ', options.Delays), Is.EqualTo("00:00:05 00:05:00 00:30:00 02:00:00 05:00:00 10:00:00 14:00:00 20:00:00 1.00:00:00"));
            Assert.That(new WebhookOptions { RetryDelays = [TimeSpan.FromSeconds(1)] }.Delays, Is.EqualTo(new[] { TimeSpan.FromSeconds(1) }));
        }
    }
}
