using System.Net;
using System.Text.Json;

namespace BatchBus.Api.Tests.Batches;

/// <summary>The event stream as an <c>EventSource</c> uses it, which comes back with the id of the last event until it is told not to.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class FollowTests(Mode mode)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(mode, ("BatchBus:Models:mistral-7b:Prefetch", "2"));

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_stream_that_breaks_off_again_and_again_tells_each_state_once_and_in_order()
    {
        _server.SetLatency("500ms");
        var id = await CreateAsync(32);
        var told = new List<(int Connection, long Id, string Name, JsonElement Data)>();

        var connections = 0;
        for (var last = default(string); await OpenAsync(id, last) is { } stream; connections++)
        {
            using (stream)
            {
                for (var taken = 0; taken < 5 && await stream.NextAsync() is { } next; taken++)
                {
                    told.Add((connections, long.Parse(next.Id, null), next.Name, next.Data));
                    last = next.Id;
                }
            }
        }

        var counts = told.Select(next => next.Data.GetProperty("succeeded").GetInt32()).ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(connections, Is.GreaterThan(1));
            Assert.That(told.Select(next => next.Id), Is.Ordered.And.Unique);
            Assert.That(counts, Is.Ordered);
            Assert.That(counts.SkipLast(1), Is.Unique);
            Assert.That(told.SkipLast(1).Select(next => next.Name), Is.All.EqualTo("progress"));
            Assert.That(told[^1].Name, Is.EqualTo("ended"));
            Assert.That(counts[^1], Is.EqualTo(32));
            Assert.That(told[^1].Data.GetProperty("seconds_to_go").GetDouble(), Is.Zero);
        }
    }

    [Test]
    public async Task The_rate_is_that_of_the_last_seconds_and_the_time_to_go_follows_from_it()
    {
        // Two at a time, half a second each.
        _server.SetLatency("500ms");
        var id = await CreateAsync(24);
        using var stream = (await OpenAsync(id))!;

        var told = new List<JsonElement>();
        while (await stream.NextAsync() is { } next)
        {
            told.Add(next.Data);
        }

        var rated = told.Where(data => data.GetProperty("requests_per_second").ValueKind is JsonValueKind.Number).ToList();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(told[0].GetProperty("requests_per_second").ValueKind, Is.EqualTo(JsonValueKind.Null), "nothing is known yet");
            Assert.That(told[0].GetProperty("seconds_to_go").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(rated.Count, Is.GreaterThan(2));
            Assert.That(rated[^1].GetProperty("requests_per_second").GetDouble(), Is.InRange(1, 5), "4 at best");
            foreach (var data in rated.SkipLast(1))
            {
                var perSecond = data.GetProperty("requests_per_second").GetDouble();
                Assert.That(
                    data.GetProperty("seconds_to_go").GetDouble(),
                    Is.EqualTo((24 - data.GetProperty("succeeded").GetInt32()) / perSecond).Within(0.1));
            }
        }
    }

    [Test]
    public async Task Who_comes_back_hears_the_present_at_once_if_it_is_newer_and_otherwise_only_that_the_stream_lives()
    {
        _server.SetLatency("30s");
        var id = await CreateAsync(2, "nowhere");
        string? first;
        using (var stream = (await OpenAsync(id))!)
        {
            first = (await stream.NextAsync())!.Id;
        }

        using (var stream = (await OpenAsync(id, "0"))!)
        {
            Assert.That((await stream.NextAsync())!.Id, Is.EqualTo(first), "one has errored");
        }

        using (var stream = (await OpenAsync(id, first))!)
        using (var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(15)))
        {
            Assert.That(await stream.ReadLineAsync(deadline.Token), Does.StartWith(":"));
        }

        await _server.SendAsync(HttpMethod.Post, $"/v1/messages/batches/{id}/cancel");
        using (var stream = (await OpenAsync(id, first))!)
        {
            // On a slow machine the other call ends by itself before the cancel.
            var next = await stream.NextAsync();
            if (next is { Name: "progress" })
            {
                next = await stream.NextAsync();
            }

            Assert.That(next!.Name, Is.EqualTo("ended"));
            Assert.That(await stream.NextAsync(), Is.Null);
        }
    }

    [TestCase("nonsense")]
    [TestCase("-1")]
    [TestCase("3")]
    [TestCase("99999999999999999999")]
    public async Task An_id_that_no_event_can_have_is_ignored(string given)
    {
        _server.SetLatency("20ms");
        var id = await CreateAsync(1);
        await _server.EndAsync(id);

        using var stream = await OpenAsync(id, given);

        Assert.That((await stream!.NextAsync())!.Name, Is.EqualTo("ended"));
    }

    /// <summary>Creates a batch for the slow model; its last request may name another.</summary>
    private async Task<string> CreateAsync(int count, string lastModel = "mistral-7b")
    {
        var requests = Enumerable.Range(0, count).Select(i => new
        {
            custom_id = $"r{i}",
            @params = new { model = i == count - 1 ? lastModel : "mistral-7b", max_tokens = 10, messages = new[] { new { role = "user", content = "hi" } } },
        });
        return (await _server.CreateAsync(JsonSerializer.Serialize(new { requests }))).GetProperty("id").GetString()!;
    }

    /// <summary>Opens the stream; null where the server says that there is nothing to come back for.</summary>
    private async Task<EventStream?> OpenAsync(string id, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/messages/batches/{id}/events");
        request.Headers.Add("x-api-key", _server.Key);
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        var response = await _server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if (response.StatusCode is HttpStatusCode.NoContent)
        {
            response.Dispose();
            return null;
        }

        Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("text/event-stream"));
        return new EventStream(response, new StreamReader(await response.Content.ReadAsStreamAsync()));
    }

    private sealed record Event(string Id, string Name, JsonElement Data);

    private sealed class EventStream(HttpResponseMessage response, StreamReader reader) : IDisposable
    {
        /// <summary>The next event; null when the stream has ended.</summary>
        public async Task<Event?> NextAsync()
        {
            using var deadline = new CancellationTokenSource(Patience);
            var fields = new Dictionary<string, string>();
            while (await ReadLineAsync(deadline.Token) is { } line)
            {
                if (line.Split(": ", 2) is [{ Length: > 0 } name, var value])
                {
                    fields[name] = value;
                }
                else if (line.Length == 0 && fields.Count > 0)
                {
                    return new Event(fields["id"], fields["event"], JsonElement.Parse(fields["data"]));
                }
            }

            return null;
        }

        public ValueTask<string?> ReadLineAsync(CancellationToken cancellationToken) => reader.ReadLineAsync(cancellationToken);

        public void Dispose()
        {
            reader.Dispose();
            response.Dispose();
        }
    }
}
