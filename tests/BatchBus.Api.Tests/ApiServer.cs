using System.Net;
using System.Text;
using System.Text.Json;
using BatchBus.Api.Keys;
using BatchBus.Host;
using BatchBus.Simulator;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace BatchBus.Api.Tests;

/// <summary>The whole of BatchBus in the test's process, on the servers of its mode, with two workspaces and small limits.</summary>
internal sealed class ApiServer : IAsyncDisposable
{
    public const int MaxBatchBytes = 4 << 20;

    private readonly string _directory = Directory.CreateTempSubdirectory("batchbus-api-").FullName;

    private WebApplication? _app;
    private int? _database;

    public string Key { get; } = ApiKey.New();

    public string OtherKey { get; } = ApiKey.New();

    public HttpClient Http { get; } = new();

    public IDatabase Redis => _app!.Services.GetRequiredService<IConnectionMultiplexer>().GetDatabase();

    /// <summary>Calls of the model so far.</summary>
    public int Executions => Simulator.Log.Count().Total;

    /// <summary>Calls of the model that are open now.</summary>
    public int OpenCalls => Simulator.Log.Open;

    private SimulatorServer Simulator => _app!.Services.GetRequiredService<SimulatorServer>();

    /// <summary>One of the server's own parts.</summary>
    public T Part<T>()
        where T : notnull
        => _app!.Services.GetRequiredService<T>();

    /// <summary>Starts on the servers of a mode.</summary>
    /// <param name="mode">The servers.</param>
    /// <param name="settings">Further settings; null takes one of the small limits away, so that the default holds.</param>
    public static async Task<ApiServer> StartAsync(Mode mode, params (string Name, string? Value)[] settings)
    {
        var server = new ApiServer();
        try
        {
            await server.RunAsync([.. await server.SettingsOfAsync(mode), .. settings]);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>How long the model takes from now on.</summary>
    public void SetLatency(string text)
        => Simulator.Latency = SimulatedLatency.TryParse(text, out var latency, out var error) ? latency : throw new FormatException(error);

    /// <summary>Sends a request with the first key, or with other headers where they are given.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        foreach (var (name, value) in headers.Length > 0 ? headers : [("x-api-key", Key)])
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await Http.SendAsync(request);
    }

    public Task<HttpResponseMessage> PostAsync(string body) => PostAsync(Encoding.UTF8.GetBytes(body));

    public Task<HttpResponseMessage> PostAsync(byte[] body) => SendAsync(HttpMethod.Post, "/v1/messages/batches", Json(body));

    /// <summary>A create with the first key and further headers.</summary>
    public Task<HttpResponseMessage> PostAsync(string body, params (string Name, string Value)[] headers)
        => SendAsync(HttpMethod.Post, "/v1/messages/batches", Json(Encoding.UTF8.GetBytes(body)), [("x-api-key", Key), .. headers]);

    /// <summary>A create that succeeds; the batch as it was answered.</summary>
    public async Task<JsonElement> CreateAsync(string body, params (string Name, string Value)[] headers)
    {
        var response = await PostAsync(body, headers);
        var text = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), text);
        return JsonDocument.Parse(text).RootElement;
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        var response = await SendAsync(HttpMethod.Get, path);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
    }

    /// <summary>The batch once it has ended.</summary>
    public Task<JsonElement> EndAsync(string id) => TestServers.Eventually.ReadAsync(
        () => GetAsync($"/v1/messages/batches/{id}"), batch => batch.GetProperty("processing_status").GetString() == "ended", $"{id} has ended");

    /// <summary>The documented error shape, and nothing stored.</summary>
    public async Task AssertErrorAsync(HttpResponseMessage response, HttpStatusCode status, string type, string message)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(status), text);
        var body = JsonDocument.Parse(text).RootElement;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/json"));
            Assert.That(body.GetProperty("type").GetString(), Is.EqualTo("error"));
            Assert.That(body.GetProperty("error").GetProperty("type").GetString(), Is.EqualTo(type));
            Assert.That(body.GetProperty("error").GetProperty("message").GetString(), Does.Contain(message));
            Assert.That(body.GetProperty("request_id").GetString(), Is.EqualTo(response.Headers.GetValues("request-id").Single()));
            Assert.That(await StoredWithSubmissionsAsync(), Is.Empty, "nothing is stored");
        }
    }

    /// <summary>Every key of a batch that is not a short-lived mark, and its entry in the schedule.</summary>
    public async Task<IReadOnlyList<string>> StoredAsync()
    {
        var keys = new List<string>();
        foreach (var key in await KeysAsync("batchbus:{*"))
        {
            if (!key.EndsWith(":record", StringComparison.Ordinal) || !await Redis.HashExistsAsync(key, "abandoned"))
            {
                keys.Add(key);
            }
        }

        return [.. keys, .. (await Redis.SortedSetRangeByRankAsync("batchbus:schedule")).Select(id => $"schedule: {id}")];
    }

    /// <summary>The same, and what creates are known by while they may be repeated.</summary>
    public async Task<IReadOnlyList<string>> StoredWithSubmissionsAsync() => [.. await StoredAsync(), .. await KeysAsync("batchbus:submission:*")];

    private async Task<IReadOnlyList<(string Name, string? Value)>> SettingsOfAsync(Mode mode)
    {
        if (mode is Mode.Embedded)
        {
            return [];
        }

        var (database, redis) = Servers.BorrowDatabase();
        _database = database;
        return [("ConnectionStrings:Redis", redis), ("ConnectionStrings:RabbitMq", await Servers.NextVirtualHostAsync())];
    }

    private async Task RunAsync(IEnumerable<(string Name, string? Value)> settings)
    {
        var all = new Dictionary<string, string?>
        {
            ["urls"] = "http://127.0.0.1:0",
            ["BatchBus:DataDirectory"] = _directory,
            ["BatchBus:LogLevel"] = "Warning",
            ["BatchBus:MaxBatchBytes"] = $"{MaxBatchBytes}",
            ["BatchBus:MaxBatchRequests"] = "1000",
            ["BatchBus:MaxRequestBytes"] = $"{1 << 20}",
            ["BatchBus:ApiKeys:0:Workspace"] = "sales",
            ["BatchBus:ApiKeys:0:Hash"] = ApiKey.Hash(Key),
            ["BatchBus:ApiKeys:1:Workspace"] = "other",
            ["BatchBus:ApiKeys:1:Hash"] = ApiKey.Hash(OtherKey),
        };
        foreach (var (name, value) in settings)
        {
            all[name] = value;
        }

        _app = await BatchBusHost.BuildAsync([], configuration => configuration.AddInMemoryCollection(all.Where(setting => setting.Value is not null)));
        SetLatency("20ms");
        await _app.StartAsync();
        Http.BaseAddress = new Uri(_app.Urls.First());

        // As an operator's balancer does: what is sent before the queues stand arrives only when the sweeper sends it again.
        await TestServers.Eventually.ThatAsync(
            async () => (await Http.GetAsync(new Uri("/health/ready", UriKind.Relative))).IsSuccessStatusCode, "BatchBus is ready");
    }

    private async Task<IReadOnlyList<string>> KeysAsync(string pattern)
    {
        var keys = new List<string>();
        await foreach (var key in Redis.Multiplexer.GetServers()[0].KeysAsync(pattern: pattern))
        {
            keys.Add((string)key!);
        }

        return keys;
    }

    private static ByteArrayContent Json(byte[] body) => new(body) { Headers = { ContentType = new("application/json") } };

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        if (_app is not null)
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
        }

        if (_database is { } database)
        {
            await Servers.GiveBackAsync(database);
        }

        Directory.Delete(_directory, recursive: true);
    }
}
