using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace BatchBus.Api.Tests.BadInput;

/// <summary>Whatever comes in: a documented error in time, nothing stored, nothing kept in memory.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class BadInputTests(Mode mode)
{
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(40);
    private static readonly IEnumerable<string> Categories = BadInputs.All.Select(bad => bad.Category).Distinct();
    private ApiServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(mode, ("BatchBus:MaxUploadTime", "00:00:30"));

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public void The_corpus_has_at_least_300_cases_and_none_twice()
    {
        TestContext.Out.WriteLine($"{BadInputs.All.Count} cases");
        Assert.That(BadInputs.All, Has.Count.AtLeast(300));
        Assert.That(BadInputs.All.Select(bad => $"{bad}"), Is.Unique);
    }

    [Test]
    public async Task What_the_corpus_is_made_from_is_good()
    {
        await using var server = await ApiServer.StartAsync(mode);
        await server.CreateAsync(BadInputs.Good);
    }

    [TestCaseSource(nameof(Categories))]
    public async Task Every_case_is_refused_as_documented(string category)
    {
        var wrong = await RefusedAsync(BadInputs.All.Where(bad => bad.Category == category));

        Assert.That(wrong, Is.Empty);
        await TestServers.Eventually.ThatAsync(async () => (await _server.StoredWithSubmissionsAsync()).Count == 0, "nothing of it is stored");
    }

    [Test]
    public async Task Memory_stays_flat()
    {
        await RefusedAsync(BadInputs.All);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        await RefusedAsync(BadInputs.All);

        Assert.That(GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(16 << 20));
    }

    [Test]
    public async Task Slow_senders_are_not_waited_for()
    {
        // All at once: each takes as long as the server's patience.
        await Task.WhenAll(
            AssertGivenUpAsync("nothing", "", ""),
            AssertGivenUpAsync("a drop at a time", "{\"requests\":[", " "),
            AssertGivenUpAsync("half an entry", "{\"requests\":[{\"custom_id\":\"a\",\"params\":{", " "),
            AssertGivenUpAsync("behind the end", "{\"requests\":[{\"custom_id\":\"a\",\"params\":{}}]}", " "));

        await TestServers.Eventually.ThatAsync(async () => (await _server.StoredWithSubmissionsAsync()).Count == 0, "nothing of it is stored");
    }

    private async Task AssertGivenUpAsync(string name, string first, string drop)
    {
        var watch = Stopwatch.StartNew();
        using var client = new TcpClient();
        await client.ConnectAsync(_server.Http.BaseAddress!.Host, _server.Http.BaseAddress.Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /v1/messages/batches HTTP/1.1\r\nHost: localhost\r\nx-api-key: {_server.Key}\r\nContent-Length: 1000000\r\n\r\n{first}"));
        using var deadline = new CancellationTokenSource(TimeLimit);
        using var reader = new StreamReader(stream);
        var answer = reader.ReadLineAsync(deadline.Token).AsTask();
        while (await Task.WhenAny(answer, Task.Delay(500, deadline.Token)) != answer)
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(drop), deadline.Token);
        }

        Assert.That(await answer, Does.StartWith("HTTP/1.1 408"), name);
        Assert.That(watch.Elapsed, Is.LessThan(TimeLimit));
    }

    /// <summary>Sends every case and returns what was not refused as it should have been.</summary>
    private async Task<IReadOnlyCollection<string>> RefusedAsync(IEnumerable<BadCase> cases)
    {
        var wrong = new System.Collections.Concurrent.ConcurrentQueue<string>();
        await Parallel.ForEachAsync(cases, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (bad, _) =>
        {
            if (await FindFaultAsync(bad) is { } fault)
            {
                wrong.Enqueue($"{bad}: {fault}");
            }
        });
        return wrong;
    }

    private async Task<string?> FindFaultAsync(BadCase bad)
    {
        using var deadline = new CancellationTokenSource(TimeLimit);
        using var request = new HttpRequestMessage(new HttpMethod(bad.Method), bad.Path) { Content = new ByteArrayContent(bad.Body) };
        foreach (var (name, value) in bad.WithKey ? [("x-api-key", _server.Key), .. bad.Headers] : bad.Headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
            {
                request.Content.Headers.TryAddWithoutValidation(name, value);
            }
        }

        HttpResponseMessage response;
        string text;
        try
        {
            response = await _server.Http.SendAsync(request, deadline.Token);
            text = await response.Content.ReadAsStringAsync(deadline.Token);
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException)
        {
            return $"{error.GetType().Name}: {error.Message} {error.InnerException?.Message}";
        }

        if ((int)response.StatusCode != bad.Status)
        {
            return $"{(int)response.StatusCode} instead of {bad.Status}: {text[..Math.Min(300, text.Length)]}";
        }

        var body = JsonDocument.Parse(text).RootElement;
        if (body.GetProperty("error").GetProperty("type").GetString() != bad.Type)
        {
            return $"another type than {bad.Type}: {text[..Math.Min(300, text.Length)]}";
        }

        if (body.GetProperty("type").GetString() != "error" || body.GetProperty("request_id").GetString() != response.Headers.GetValues("request-id").Single())
        {
            return $"not the shape of an error: {text[..Math.Min(300, text.Length)]}";
        }

        return text.Length > 2_000 ? $"an answer of {text.Length} characters" : null;
    }
}
