using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace BatchBus.Simulator.Tests;

/// <summary>A simulator of one test, and a client to it over real HTTP.</summary>
internal sealed class RunningSimulator : IAsyncDisposable
{
    private RunningSimulator(SimulatorServer server)
    {
        Server = server;
        Http = new HttpClient { BaseAddress = server.BaseAddress, Timeout = TimeSpan.FromSeconds(20) };
    }

    public SimulatorServer Server { get; }

    public HttpClient Http { get; }

    /// <summary>The endpoint that <see cref="SubmitAsync"/> uses.</summary>
    public SimulatedEndpoint Endpoint => Server.Endpoint("ep");

    public SimulatorLog Log => Server.Log;

    public static async Task<RunningSimulator> StartAsync(SimulatorOptions? options = null) =>
        new(await SimulatorServer.StartAsync(options ?? new SimulatorOptions()));

    public static SimulatedLatency Latency(string text) =>
        SimulatedLatency.TryParse(text, out var latency, out var error) ? latency : throw new ArgumentException(error, nameof(text));

    /// <summary>The body of a chat with one user message.</summary>
    public static JsonObject Chat(string user, string? system = null)
    {
        var messages = new JsonArray { new JsonObject { ["role"] = "user", ["content"] = user } };
        if (system is not null)
        {
            messages.Insert(0, new JsonObject { ["role"] = "system", ["content"] = system });
        }

        return new JsonObject { ["model"] = "mistral-7b", ["messages"] = messages };
    }

    public static JsonObject Job(JsonNode openAiInput) => new()
    {
        ["input"] = new JsonObject { ["openai_route"] = "/v1/chat/completions", ["openai_input"] = openAiInput },
    };

    /// <summary>Awaits a condition that no event announces.</summary>
    public static async Task EventuallyAsync(Func<Task<bool>> condition, string what)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (!await condition())
        {
            Assert.That(deadline.IsCancellationRequested, Is.False, $"Not within 10 s: {what}");
            await Task.Yield();
        }
    }

    public static Task EventuallyAsync(Func<bool> condition, string what) => EventuallyAsync(() => Task.FromResult(condition()), what);

    public Task<(HttpStatusCode Status, JsonNode Body)> CompleteAsync(JsonNode body) => PostAsync("/v1/chat/completions", body.ToJsonString());

    public async Task<(HttpStatusCode Status, JsonNode Body)> PostAsync(string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await Http.PostAsync(path, content);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    public async Task<JsonNode> GetAsync(string path) => JsonNode.Parse(await Http.GetStringAsync(path))!;

    public async Task<string> SubmitAsync(JsonNode job)
    {
        var (_, body) = await PostAsync("/v2/ep/run", job.ToJsonString());
        return (string)body["id"]!;
    }

    /// <summary>Polls a job until it is in one of the given states.</summary>
    public async Task<JsonNode> AwaitJobAsync(string id, params string[] statuses)
    {
        JsonNode job = new JsonObject();
        await EventuallyAsync(
            async () =>
            {
                job = await GetAsync($"/v2/ep/status/{id}");
                return statuses.Contains((string)job["status"]!);
            },
            $"job in {string.Join(" or ", statuses)}");
        return job;
    }

    public async Task<List<string>> SubmitAsync(int count, string prompt = "call")
    {
        var ids = new List<string>();
        for (var i = 0; i < count; i++)
        {
            ids.Add(await SubmitAsync(Job(Chat($"{prompt} {i}"))));
        }

        return ids;
    }

    /// <summary>How many jobs are in each state, and how many workers.</summary>
    public async Task<string> HealthAsync()
    {
        var health = await GetAsync("/v2/ep/health");
        return $"queued {health["jobs"]!["inQueue"]} running {health["jobs"]!["inProgress"]} | idle {health["workers"]!["idle"]} "
            + $"busy {health["workers"]!["running"]} init {health["workers"]!["initializing"]} throttled {health["workers"]!["throttled"]}";
    }

    /// <summary>Sends an exchange and gives the status and the body as text.</summary>
    public async Task<(int Status, string Body)> SendAsync(HttpMethod method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json") };
        using var response = await Http.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Server.DisposeAsync();
    }
}
