using System.Net;
using System.Text;
using System.Text.Json;
using BatchBus.TestServers;

namespace BatchBus.Api.Tests.Batches;

/// <summary>Downloads that are continued, and results of a batch that still runs.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class ResultsDownloadTests(Mode mode)
{
    /// <summary>Enough for several pieces on the wire.</summary>
    private const int Count = 500;

    private ApiServer _server = null!;
    private string _path = null!;
    private byte[] _all = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        // Nothing listens there, so that a request waits.
        _server = await ApiServer.StartAsync(mode, ("BatchBus:Models:away:BaseUrl", "http://127.0.0.1:1/v1"));
        var id = (await _server.CreateAsync(Body(Count))).GetProperty("id").GetString()!;
        await _server.EndAsync(id);
        _path = $"/v1/messages/batches/{id}/results";
        _all = await (await GetAsync(_path)).Content.ReadAsByteArrayAsync();
        Assert.That(_all.Count(character => character == '\n'), Is.EqualTo(Count));
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_download_says_that_it_can_be_continued()
    {
        var response = await GetAsync(_path);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(response.Headers.AcceptRanges, Is.EqualTo(new[] { "bytes" }));
            Assert.That(response.Headers.ETag?.IsWeak, Is.False);
            Assert.That(await response.Content.ReadAsByteArrayAsync(), Is.EqualTo(_all));
        }
    }

    [Test]
    public async Task Any_range_is_that_part_of_the_whole()
    {
        var random = new Random(1);
        foreach (var from in new[] { 0, 1, _all.Length - 1 }.Concat(Enumerable.Range(0, 20).Select(_ => random.Next(_all.Length))))
        {
            var to = random.Next(from, _all.Length);
            await AssertPartAsync($"bytes={from}-", from, _all.Length - 1);
            await AssertPartAsync($"bytes={from}-{to}", from, to);
            await AssertPartAsync($"bytes={from}-{_all.Length + 1000}", from, _all.Length - 1);
            await AssertPartAsync($"bytes=-{_all.Length - from}", from, _all.Length - 1);
        }
    }

    [Test]
    public async Task A_range_behind_the_end_is_refused_with_the_length()
    {
        var response = await GetAsync(_path, ("range", $"bytes={_all.Length}-"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.RequestedRangeNotSatisfiable));
            Assert.That(response.Content.Headers.ContentRange?.ToString(), Is.EqualTo($"bytes */{_all.Length}"));
            Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("invalid_request_error"));
        }
    }

    [TestCase("bytes=0-1,5-6")]
    [TestCase("lines=0-1")]
    [TestCase("bytes=x-")]
    [TestCase("bytes=9-3")]
    public async Task What_is_no_single_range_of_bytes_is_ignored(string range)
    {
        var response = await GetAsync(_path, ("range", range));

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(await response.Content.ReadAsByteArrayAsync(), Is.EqualTo(_all));
    }

    [Test]
    public async Task If_range_continues_only_the_same_results()
    {
        var tag = (await GetAsync(_path)).Headers.ETag!.ToString();

        var same = await GetAsync(_path, ("range", "bytes=10-"), ("if-range", tag));
        var other = await GetAsync(_path, ("range", "bytes=10-"), ("if-range", "\"other\""));
        var date = await GetAsync(_path, ("range", "bytes=10-"), ("if-range", "Sun, 22 Nov 2026 08:49:37 GMT"));

        Assert.That(new[] { same.StatusCode, other.StatusCode, date.StatusCode }, Is.EqualTo(new[] { HttpStatusCode.PartialContent, HttpStatusCode.OK, HttpStatusCode.OK }));
    }

    [Test]
    public async Task The_length_is_told_without_the_results()
    {
        var response = await _server.SendAsync(HttpMethod.Head, _path);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(response.Content.Headers.ContentLength, Is.EqualTo(_all.Length));
            Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/x-jsonl"));
            Assert.That(await response.Content.ReadAsByteArrayAsync(), Is.Empty);
        }
    }

    [Test]
    public async Task Partial_results_of_an_ended_batch_are_all_of_them()
        => Assert.That(await (await GetAsync($"{_path}?partial=true")).Content.ReadAsByteArrayAsync(), Is.EqualTo(_all));

    [Test]
    public async Task Partial_results_are_those_that_are_there_while_the_batch_runs()
    {
        var id = (await _server.CreateAsync("""
            {"requests":[
              {"custom_id":"waits","params":{"model":"away","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}},
              {"custom_id":"done","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}},
              {"custom_id":"bad","params":{"model":"gpt-9"}}
            ]}
            """)).GetProperty("id").GetString()!;
        var path = $"/v1/messages/batches/{id}/results";

        await Eventually.ReadAsync(
            async () => string.Join(' ', await CustomIdsAsync(await GetAsync($"{path}?partial=true"))), found => found == "done bad", "what can be finished is there");
        var partial = await GetAsync($"{path}?partial=true");
        var whole = await GetAsync(path);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(partial.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(partial.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/x-jsonl"));
            Assert.That(partial.Headers.ETag, Is.Null, "it may be more the next time");
            Assert.That(whole.StatusCode, Is.EqualTo(HttpStatusCode.NotFound), "without the parameter nothing changes");
        }
    }

    [Test]
    public async Task Partial_is_true_or_false()
    {
        var response = await GetAsync($"{_path}?partial=some");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("partial: Input should be true or false"));
    }

    private static async Task<string[]> CustomIdsAsync(HttpResponseMessage response)
        => [.. (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("custom_id").GetString()!)];

    private static string Body(int count)
    {
        var body = new StringBuilder("{\"requests\":[");
        for (var i = 0; i < count; i++)
        {
            var model = i % 3 == 0 ? "gpt-9" : "mistral-7b";
            body.Append(i == 0 ? "" : ",").Append($$$"""{"custom_id":"row-{{{i}}}","params":{"model":"{{{model}}}","max_tokens":10,"messages":[{"role":"user","content":"hi {{{i}}}"}]}}""");
        }

        return body.Append("]}").ToString();
    }

    private Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers)
        => _server.SendAsync(HttpMethod.Get, path, null, [("x-api-key", _server.Key), .. headers]);

    private async Task AssertPartAsync(string range, int from, int to)
    {
        var response = await GetAsync(_path, ("range", range));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.PartialContent), range);
            Assert.That(response.Content.Headers.ContentRange?.ToString(), Is.EqualTo($"bytes {from}-{to}/{_all.Length}"), range);
            Assert.That(await response.Content.ReadAsByteArrayAsync(), Is.EqualTo(_all[from..(to + 1)]), range);
        }
    }
}
