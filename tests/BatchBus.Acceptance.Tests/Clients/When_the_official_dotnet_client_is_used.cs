using Anthropic;
using Anthropic.Core;
using Anthropic.Exceptions;
using Anthropic.Models.Messages;
using Anthropic.Models.Messages.Batches;
using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Clients;

[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class When_the_official_dotnet_client_is_used(Mode mode)
{
    [Test]
    public async Task Should_create_poll_read_results_list_cancel_and_delete()
    {
        await using var installation = await Installation.StartAsync(mode, SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(20)));
        var client = new AnthropicClient(new ClientOptions { ApiKey = "any-key", BaseUrl = installation.Url, ResponseValidation = true, MaxRetries = 0 });

        var created = await client.Messages.Batches.Create(new BatchCreateParams
        {
            Requests =
            [
                new Request
                {
                    CustomID = "first",
                    Params = new Params { Model = "claude-haiku-4-5", MaxTokens = 100, Messages = [new UserMessageParam { Content = "Hello from .NET" }] },
                },
                new Request
                {
                    CustomID = "second",
                    Params = new Params { Model = "claude-sonnet-4-5", MaxTokens = 100, Messages = [new UserMessageParam { Content = "And again" }] },
                },
            ],
        });
        Assert.That(created.ProcessingStatus.Raw(), Is.EqualTo("in_progress"));
        await Eventually.ThatAsync(
            async () => (await client.Messages.Batches.Retrieve(created.ID)).ProcessingStatus.Raw() == "ended", "the batch has ended");

        var models = new Dictionary<string, string>();
        await foreach (var line in client.Messages.Batches.ResultsStreaming(created.ID))
        {
            line.Validate();
            Assert.That(line.Result.TryPickSucceeded(out var succeeded), Is.True);
            models[line.CustomID] = succeeded!.Message.Model.Raw();
        }

        Assert.That(models, Is.EqualTo(new Dictionary<string, string> { ["first"] = "mistral-7b", ["second"] = "llama-70b" }));

        var listed = new List<string>();
        await foreach (var batch in (await client.Messages.Batches.List(new BatchListParams { Limit = 1 })).Paginate())
        {
            listed.Add(batch.ID);
        }

        Assert.That(listed, Is.EqualTo(new[] { created.ID }));
        Assert.That(async () => await client.Messages.Batches.Cancel(created.ID), Throws.InstanceOf<AnthropicBadRequestException>(), "it has ended");
        Assert.That((await client.Messages.Batches.Delete(created.ID)).ID, Is.EqualTo(created.ID));
        Assert.That(async () => await client.Messages.Batches.Retrieve(created.ID), Throws.InstanceOf<AnthropicNotFoundException>());
    }
}
