using System.Text.Json;
using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Clients;

/// <summary>The receiver is a Node program that verifies with the reference library of Standard Webhooks.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class When_a_batch_has_a_webhook(Mode mode)
{
    private const string Secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
    private const string OlderSecret = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4";

    [Test]
    public async Task Should_tell_its_receiver_in_a_form_that_each_live_secret_verifies_until_it_is_taken()
    {
        await using var receiver = await ChildProcess.StartAsync(
            "node", [Path.Combine(NodeFolder.Find("tests/node-services", "standardwebhooks"), "receiver.mjs"), Secret, OlderSecret], new Dictionary<string, string>());
        var port = (await LineAsync("listening"))[1];
        await using var installation = await Installation.StartAsync(mode, SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(20)), settings: new Dictionary<string, string>
        {
            ["BatchBus__Workspaces__default__WebhookSecrets__0"] = Secret,
            ["BatchBus__Workspaces__default__WebhookSecrets__1"] = OlderSecret,
            ["BatchBus__Webhooks__AllowedAddresses__0"] = "127.0.0.1",
            ["BatchBus__Webhooks__RetryDelays__0"] = "00:00:00.5",
            ["BatchBus__PublicBaseUrl"] = "https://batches.example",
        });

        var id = await installation.SubmitAsync(new
        {
            requests = new[] { new { custom_id = "a", @params = new { max_tokens = 16, messages = new[] { new { role = "user", content = "hi" } } } } },
            webhook_url = $"http://127.0.0.1:{port}/ended",
        });
        var ended = await installation.EndAsync(id, TimeSpan.FromSeconds(30));
        var verified = await LineAsync("verified");

        var told = JsonDocument.Parse(verified[2]).RootElement;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(verified[1], Is.EqualTo((await LineAsync("refused"))[1]), "the same event");
            Assert.That(told.GetProperty("type").GetString(), Is.EqualTo("message_batch.ended"));
            Assert.That(told.GetProperty("data").GetRawText(), Is.EqualTo(ended.GetRawText()), "what GET returns");
        }

        async Task<string[]> LineAsync(string word)
        {
            var line = await Eventually.ReadAsync(
                () => Task.FromResult(receiver.Output.Split('\n').FirstOrDefault(line => line.StartsWith($"{word} ", StringComparison.Ordinal)) ?? ""),
                line => line.Length > 0,
                $"the receiver says {word}; it has said: {receiver.Output}");
            return line.Split(' ', 3);
        }
    }
}
