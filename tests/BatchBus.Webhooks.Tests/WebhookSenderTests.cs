using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Webhooks.Tests;

/// <summary>Against a real server; that the reference library finds the signatures right, the acceptance tests show.</summary>
public sealed class WebhookSenderTests
{
    private static readonly (string, string) Loopback = ("BatchBus:Webhooks:AllowedAddresses:0", "127.0.0.1");

    [Test]
    public async Task A_batch_is_sent_as_it_is_read_and_signed_with_each_secret()
    {
        await using var receiver = await Receiver.StartAsync(_ => Task.CompletedTask);
        using var webhooks = new Webhooks(Loopback, ("BatchBus:Workspaces:acme:WebhookSecrets:1", Webhooks.OlderSecret), ("BatchBus:PublicBaseUrl", "https://batches.example/api/"));

        var status = await webhooks.SendAsync($"http://127.0.0.1:{receiver.Port}/hook?token=1");

        var (headers, body) = receiver.Received.Single();
        var (id, timestamp) = (headers["webhook-id"].ToString(), headers["webhook-timestamp"].ToString());
        var json = JsonDocument.Parse(body).RootElement;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(id, Is.EqualTo(WebhookSender.EventId(Webhooks.Ended.BatchId)).And.Match("^evt_[0-9A-Za-z]{24}$"));
            Assert.That(long.Parse(timestamp, CultureInfo.InvariantCulture), Is.EqualTo(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()).Within(60));
            Assert.That(headers["webhook-signature"].ToString(), Is.EqualTo($"{Signature(Webhooks.Secret)} {Signature(Webhooks.OlderSecret)}"));
            Assert.That(headers.ContentType.ToString(), Is.EqualTo("application/json"));
            Assert.That(json.GetProperty("type").GetString(), Is.EqualTo("message_batch.ended"));
            Assert.That(json.GetProperty("timestamp").GetString(), Is.EqualTo("2026-11-23T08:01:00.000000Z"));
            Assert.That(json.GetProperty("data").GetProperty("request_counts").GetRawText(), Is.EqualTo("""{"processing":0,"succeeded":2,"errored":1,"canceled":0,"expired":0}"""));
            Assert.That(json.GetProperty("data").GetProperty("results_url").GetString(), Does.StartWith("https://batches.example/api/v1/messages/batches/msgbatch_01"));
        }

        string Signature(string secret)
            => $"v1,{Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(secret[6..]), (byte[])[.. Encoding.ASCII.GetBytes($"{id}.{timestamp}."), .. body]))}";
    }

    [Test]
    public async Task A_redirect_is_an_answer_like_any_other()
    {
        await using var target = await Receiver.StartAsync(_ => Task.CompletedTask);
        await using var receiver = await Receiver.StartAsync(context =>
        {
            context.Response.Redirect($"http://127.0.0.1:{target.Port}/");
            return Task.CompletedTask;
        });
        using var webhooks = new Webhooks(Loopback);

        var status = await webhooks.SendAsync($"http://127.0.0.1:{receiver.Port}/");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Is.EqualTo(HttpStatusCode.Redirect));
            Assert.That(target.Received, Is.Empty);
        }
    }

    [Test]
    public async Task A_name_that_stands_for_another_address_after_the_check_is_not_connected_to()
    {
        await using var receiver = await Receiver.StartAsync(_ => Task.CompletedTask);
        var answers = new Queue<IPAddress>([IPAddress.Parse("8.8.8.8"), IPAddress.Loopback]);
        using var webhooks = new Webhooks { Resolve = _ => [answers.Dequeue()] };
        var url = $"http://rebinding.example:{receiver.Port}/";
        Assert.That(await webhooks.ProblemAsync(url), Is.Null);

        await Assert.ThatAsync(() => webhooks.SendAsync(url), Throws.TypeOf<HttpRequestException>().With.InnerException.TypeOf<RefusedAddressException>());

        Assert.That(receiver.Received, Is.Empty);
    }

    [Test]
    public async Task The_address_that_was_checked_is_the_one_that_is_connected_to()
    {
        await using var receiver = await Receiver.StartAsync(_ => Task.CompletedTask);
        var answers = new Queue<IPAddress>([IPAddress.Loopback]);
        using var webhooks = new Webhooks(Loopback) { Resolve = _ => [answers.Dequeue()] };

        await webhooks.SendAsync($"http://hooks.example:{receiver.Port}/");

        Assert.That(receiver.Received.Single().Headers.Host.ToString(), Is.EqualTo($"hooks.example:{receiver.Port}"), "it was asked for once, and knows its name");
    }

    [Test]
    public async Task An_answer_without_end_is_not_read()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var written = Task.Run(async () =>
        {
            using var connection = await listener.AcceptTcpClientAsync();
            var stream = connection.GetStream();
            Assert.That(await stream.ReadAsync(new byte[64 << 10]), Is.Positive);
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"u8.ToArray());
            for (var bytes = 0L; bytes < 1L << 30; bytes += 64 << 10)
            {
                try
                {
                    await stream.WriteAsync(new byte[64 << 10]);
                }
                catch (IOException)
                {
                    return bytes;
                }
            }

            return 1L << 30;
        });
        using var webhooks = new Webhooks(Loopback);

        Assert.That(await webhooks.SendAsync($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/"), Is.EqualTo(HttpStatusCode.OK));

        Assert.That(await written.WaitAsync(TimeSpan.FromSeconds(30)), Is.LessThan(64L << 20), "what the buffers of the connection hold, and no more");
    }

    [Test]
    public async Task A_receiver_that_does_not_answer_is_given_up()
    {
        await using var receiver = await Receiver.StartAsync(context => Task.Delay(Timeout.Infinite, context.RequestAborted));
        using var webhooks = new Webhooks(Loopback, ("BatchBus:Webhooks:Timeout", "00:00:00.2"));

        await Assert.ThatAsync(() => webhooks.SendAsync($"http://127.0.0.1:{receiver.Port}/"), Throws.TypeOf<TimeoutException>());
    }

    [Test]
    public async Task Nothing_is_sent_unsigned()
    {
        using var webhooks = new Webhooks(Loopback);

        await Assert.ThatAsync(() => webhooks.SendAsync("http://127.0.0.1:9/", Webhooks.Ended with { Workspace = "other" }), Throws.TypeOf<InvalidOperationException>());
    }
}
