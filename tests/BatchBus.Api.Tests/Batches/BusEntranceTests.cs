using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using BatchBus.Contracts;
using BatchBus.TestServers;
using Microsoft.Extensions.Configuration;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace BatchBus.Api.Tests.Batches;

/// <summary>Messages as a service without MassTransit sends them, over a real RabbitMQ.</summary>
public sealed class BusEntranceTests
{
    private const string One = """[{"custom_id":"a","params":{"max_tokens":16,"messages":[{"role":"user","content":"hi"}]}}]""";

    private readonly ConcurrentDictionary<string, TaskCompletionSource<JsonElement>> _answers = new();
    private readonly string _replies = $"replies-{Guid.NewGuid():N}";
    private ApiServer _server = null!;
    private IConnection _connection = null!;
    private IChannel _channel = null!;

    [SetUp]
    public Task StartAsync() => ServeAsync(("BatchBus:Workspaces:sales:BusUsers:0", "guest"));

    [TearDown]
    public async Task StopAsync()
    {
        await _channel.DisposeAsync();
        await _connection.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Test]
    public async Task A_submission_of_a_known_user_becomes_a_batch_of_its_workspace()
    {
        var answer = await SubmitAsync(Message(One));

        Assert.That(answer.GetProperty("messageType")[0].GetString(), Is.EqualTo("urn:message:BatchBus.Contracts:BatchAccepted"));
        var id = BatchId.Format(answer.GetProperty("message").GetProperty("batchId").GetGuid());
        Assert.That((await _server.EndAsync(id)).GetProperty("request_counts").GetProperty("succeeded").GetInt32(), Is.EqualTo(1));
    }

    [Test]
    public async Task Fifty_identical_submissions_at_once_make_one_batch()
    {
        var message = Message(One);

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => SubmitAsync(message)));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answers.Select(answer => answer.GetProperty("message").GetProperty("batchId").GetString()).Distinct().Count(), Is.EqualTo(1));
            Assert.That((await _server.GetAsync("/v1/messages/batches")).GetProperty("data").GetArrayLength(), Is.EqualTo(1));
        }
    }

    [TestCase("""{"submissionId":"ID","requests":[]}""", "requests: List should have at least 1 item")]
    [TestCase("""{"submissionId":"ID","requests":null}""", "requests: Field required")]
    [TestCase("""{"submissionId":"ID","requests":[null]}""", "requests.0")]
    [TestCase("""{"submissionId":"ID","requests":[{"custom_id":"a b","params":{}}]}""", "requests.0.custom_id")]
    [TestCase("""{"submissionId":"ID","stage":"nowhere","requests":REQUESTS}""", "stage: unknown stage \"nowhere\". Known stages: ")]
    [TestCase("""{"submissionId":"ID","expiresInSeconds":0,"requests":REQUESTS}""", "expires_in_seconds: Input should be from 1")]
    [TestCase("""{"submissionId":"ID","webhookUrl":"http://127.0.0.1/","requests":REQUESTS}""", "webhook_url: 127.0.0.1 is not an address of the public internet")]
    [TestCase("""{"submissionId":"ID","requests":7}""", "not a SubmitBatch")]
    [TestCase("""{"submissionId":"ID","requests":["a"]}""", "not a SubmitBatch")]
    [TestCase("""{"submissionId":7,"requests":REQUESTS}""", "not a SubmitBatch")]
    [TestCase("""{"submissionId":"ID","stage":{},"requests":REQUESTS}""", "not a SubmitBatch")]
    [TestCase("""{"submissionId":"ID"}""", "not a SubmitBatch")]
    [TestCase("""{"requests":REQUESTS}""", "not a SubmitBatch")]
    [TestCase("[]", "not a SubmitBatch")]
    public async Task What_is_wrong_is_told_and_kept_nowhere(string message, string reason)
    {
        var id = Guid.NewGuid();
        var answer = await SubmitAsync(message.Replace("ID", $"{id}", StringComparison.Ordinal).Replace("REQUESTS", One, StringComparison.Ordinal));

        await AssertRejectedAsync(answer, "invalid_request_error", reason);
        if (message.Contains("\"ID\"", StringComparison.Ordinal))
        {
            Assert.That(answer.GetProperty("message").GetProperty("submissionId").GetGuid(), Is.EqualTo(id));
        }
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("no JSON at all")]
    public async Task What_does_not_say_where_to_answer_is_kept_nowhere_either(string body)
    {
        await PublishAsync(Encoding.UTF8.GetBytes(body), "guest");
        await SubmitAsync(Message(One));

        await AssertNothingKeptAsync();
    }

    [TestCase("nonsense")]
    [TestCase("http://127.0.0.1/replies")]
    public async Task A_submission_whose_response_address_is_none_makes_no_batch_and_is_kept_nowhere(string address)
    {
        await PublishAsync(Envelope(Guid.NewGuid().ToString(), address, Message(One)), "guest");

        await AssertNextIsAcceptedAsync(batches: 1);
    }

    [TestCase(One, 2)]
    [TestCase("7", 1)]
    public async Task A_response_exchange_that_refuses_the_answer_keeps_nothing_in_the_queue(string requests, int batches)
    {
        // Where answers go is declared as a fanout exchange, which this one is not.
        var direct = $"direct-{Guid.NewGuid():N}";
        await _channel.ExchangeDeclareAsync(direct, ExchangeType.Direct, durable: true);

        await PublishAsync(Envelope(Guid.NewGuid().ToString(), $"exchange:{direct}", Message(requests)), "guest");

        await AssertNextIsAcceptedAsync(batches);
    }

    [Test]
    public async Task A_message_over_the_limit_is_referred_to_HTTP()
    {
        var answer = await SubmitAsync(Message(One.Replace("hi", new string('x', 8 << 20), StringComparison.Ordinal)));

        await AssertRejectedAsync(answer, "request_too_large", "at most 8388608. Submit it over HTTP, where a batch has at most 4194304");
    }

    [Test]
    public async Task A_message_without_a_user_is_rejected_where_workspaces_are_kept_apart()
        => await AssertRejectedAsync(await SubmitAsync(Message(One), user: null), "authentication_error", "user-id: required");

    [Test]
    public async Task A_user_of_no_workspace_is_rejected()
    {
        await StopAsync();
        await ServeAsync(("BatchBus:Workspaces:sales:BusUsers:0", "crm"));

        await AssertRejectedAsync(await SubmitAsync(Message(One)), "authentication_error", "belongs to no workspace");
    }

    [Test]
    public async Task Without_keys_and_users_everything_is_of_the_default_workspace()
    {
        await StopAsync();
        await ServeAsync([.. new[] { "0:Workspace", "0:Hash", "1:Workspace", "1:Hash" }.Select(name => ($"BatchBus:ApiKeys:{name}", (string?)null))]);

        var answer = await SubmitAsync(Message(One), user: null);

        var id = BatchId.Format(answer.GetProperty("message").GetProperty("batchId").GetGuid());
        Assert.That((await _server.GetAsync($"/v1/messages/batches/{id}")).GetProperty("id").GetString(), Is.EqualTo(id));
    }

    private static string Message(string requests) => $$"""{"submissionId":"{{Guid.NewGuid()}}","requests":{{requests}}}""";

    private static byte[] Envelope(string request, string address, string message) => Encoding.UTF8.GetBytes(
        $$"""{"requestId":"{{request}}","responseAddress":"{{address}}","messageType":["urn:message:BatchBus.Contracts:SubmitBatch"],"message":{{message}}}""");

    private async Task ServeAsync(params (string, string?)[] settings)
    {
        _server = await ApiServer.StartAsync(Mode.Real, settings);
        var factory = new ConnectionFactory { Uri = new Uri(_server.Part<IConfiguration>()["ConnectionStrings:RabbitMq"]!) };
        Assert.That(factory.UserName, Is.EqualTo("guest"), "whom the settings name");
        _connection = await factory.CreateConnectionAsync();
        _channel = await _connection.CreateChannelAsync();
        await _channel.ExchangeDeclareAsync(_replies, ExchangeType.Fanout, durable: true);
        await _channel.QueueDeclareAsync(_replies, durable: true, exclusive: false, autoDelete: false);
        await _channel.QueueBindAsync(_replies, _replies, "");
        var consumer = new AsyncEventingBasicConsumer(_channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            var answer = JsonDocument.Parse(delivery.Body.ToArray()).RootElement;
            if (_answers.TryRemove(answer.GetProperty("requestId").GetString()!, out var waiting))
            {
                waiting.SetResult(answer);
            }

            return Task.CompletedTask;
        };
        await _channel.BasicConsumeAsync(_replies, autoAck: true, consumer);
    }

    private async Task<JsonElement> SubmitAsync(string message, string? user = "guest")
    {
        var request = Guid.NewGuid().ToString();
        var answer = _answers.GetOrAdd(request, _ => new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously));
        await PublishAsync(Envelope(request, $"exchange:{_replies}", message), user);
        return await answer.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private async Task PublishAsync(byte[] body, string? user)
    {
        var properties = new BasicProperties { ContentType = "application/vnd.masstransit+json", DeliveryMode = DeliveryModes.Persistent };
        if (user is not null)
        {
            properties.UserId = user;
        }

        await _channel.BasicPublishAsync("submit-batch", "", mandatory: true, properties, body);
    }

    private async Task AssertRejectedAsync(JsonElement answer, string type, string reason)
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.GetProperty("messageType")[0].GetString(), Is.EqualTo("urn:message:BatchBus.Contracts:BatchRejected"));
            Assert.That(answer.GetProperty("message").GetProperty("errorType").GetString(), Is.EqualTo(type));
            Assert.That(answer.GetProperty("message").GetProperty("message").GetString(), Does.Contain(reason));
        }

        await AssertNothingKeptAsync();
        Assert.That(await _server.StoredWithSubmissionsAsync(), Is.Empty);
    }

    /// <summary>What came before leaves nothing behind but its batch, if it has one, and does not stand in the way of the next.</summary>
    private async Task AssertNextIsAcceptedAsync(int batches)
    {
        await Eventually.ThatAsync(
            async () => (await Servers.QueuesAsync(_server.Part<IConfiguration>()["ConnectionStrings:RabbitMq"]!)).Single(queue => queue.Name == "submit-batch").Messages == 0,
            "every submission is settled");
        var answer = await SubmitAsync(Message(One));
        Assert.That(answer.GetProperty("messageType")[0].GetString(), Is.EqualTo("urn:message:BatchBus.Contracts:BatchAccepted"));
        await AssertNothingKeptAsync();
        Assert.That((await _server.GetAsync("/v1/messages/batches")).GetProperty("data").GetArrayLength(), Is.EqualTo(batches));
    }

    private async Task AssertNothingKeptAsync()
    {
        await Eventually.ThatAsync(async () => await CountAsync("submit-batch") == 0, "the queue is empty");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await CountAsync("submit-batch_error"), Is.Zero);
            Assert.That(await CountAsync("submit-batch_skipped"), Is.Zero);
        }
    }

    /// <summary>Messages in a queue; one that nobody has needed yet does not exist, and has none.</summary>
    private async Task<uint> CountAsync(string queue)
    {
        await using var channel = await _connection.CreateChannelAsync();
        try
        {
            return await channel.MessageCountAsync(queue);
        }
        catch (RabbitMQ.Client.Exceptions.OperationInterruptedException)
        {
            return 0;
        }
    }
}
