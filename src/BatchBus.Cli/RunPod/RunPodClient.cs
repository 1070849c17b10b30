using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Refit;

namespace BatchBus.Cli.RunPod;

/// <summary>Calls RunPod: waits where it asks to, repeats what may be repeated, and turns its errors into sentences.</summary>
internal sealed class RunPodClient : IDisposable
{
    private const int MostTries = 4;

    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    private readonly HttpClient _managementHttp;
    private readonly HttpClient _jobsHttp;
    private readonly IManagementApi _management;
    private readonly IJobsApi _jobs;
    private readonly Secrets _secrets;
    private readonly TimeProvider _time;

    public RunPodClient(RunPodAccess access, Secrets secrets, TimeProvider time)
    {
        var key = access.Key ?? throw new RunPodFailure($"{RunPodAccess.KeyVariable} is not set. Create a key in RunPod's console, Settings, API Keys, and set it.");
        secrets.Add(RunPodAccess.KeyVariable, key);
        _managementHttp = CreateHttp(access.Management, key);
        _jobsHttp = CreateHttp(access.Jobs, key);
        _management = RestService.ForGenerated<IManagementApi>(_managementHttp);
        _jobs = RestService.ForGenerated<IJobsApi>(_jobsHttp);
        _secrets = secrets;
        _time = time;
    }

    public async Task<IReadOnlyList<RunPodEndpoint>> ListAsync(CancellationToken cancellationToken)
    {
        var reply = await SendAsync("list the endpoints", _management.ListAsync, isRepeatable: true, cancellationToken);
        return reply?["endpoints"] is JsonArray endpoints
            ? [.. endpoints.Select(RunPodEndpoint.From)]
            : throw new RunPodFailure("RunPod's reply holds no list of endpoints.");
    }

    /// <exception cref="RunPodFailure">It failed; where <see cref="RunPodFailure.MayHaveHappened"/>, the endpoint may be there all the same.</exception>
    public async Task<RunPodEndpoint> CreateAsync(string name, JsonObject body, CancellationToken cancellationToken)
        => RunPodEndpoint.From(await SendAsync($"create {name}", token => _management.CreateAsync(Json(body), token), isRepeatable: false, cancellationToken));

    public Task UpdateAsync(RunPodEndpoint endpoint, JsonObject changes, CancellationToken cancellationToken)
        => SendAsync($"change {endpoint.Name}", token => _management.UpdateAsync(endpoint.Id, Json(changes), token), isRepeatable: true, cancellationToken);

    public Task DeleteAsync(RunPodEndpoint endpoint, CancellationToken cancellationToken)
        => SendAsync($"delete {endpoint.Name}", token => _management.DeleteAsync(endpoint.Id, token), isRepeatable: true, cancellationToken);

    /// <summary>Numbers of workers by state.</summary>
    public async Task<IReadOnlyDictionary<string, long>> CountWorkersAsync(RunPodEndpoint endpoint, CancellationToken cancellationToken)
        => Counts((await SendAsync(
            $"list the workers of {endpoint.Name}", token => _management.ListWorkersAsync(endpoint.Id, token), isRepeatable: true, cancellationToken))?["summary"]);

    /// <summary>Numbers of jobs by state.</summary>
    public async Task<IReadOnlyDictionary<string, long>> CountJobsAsync(RunPodEndpoint endpoint, CancellationToken cancellationToken)
        => Counts((await SendAsync(
            $"read the health of {endpoint.Name}", token => _jobs.GetHealthAsync(endpoint.Id, token), isRepeatable: true, cancellationToken))?["jobs"]);

    public Task PauseAsync(CancellationToken cancellationToken) => Task.Delay(FirstPause, _time, cancellationToken);

    public void Dispose()
    {
        _managementHttp.Dispose();
        _jobsHttp.Dispose();
    }

    private static HttpClient CreateHttp(Uri address, string key)
    {
        var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = address, Timeout = CallTimeout };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return http;
    }

    private static StringContent Json(JsonObject body) => new(body.ToJsonString(), Encoding.UTF8, "application/json");

    private static Dictionary<string, long> Counts(JsonNode? counts)
    {
        var numbers = new Dictionary<string, long>();
        foreach (var (state, count) in counts as JsonObject ?? [])
        {
            if (count is JsonValue value && value.TryGetValue<long>(out var number))
            {
                numbers[state] = number;
            }
        }

        return numbers;
    }

    private async Task<JsonObject?> SendAsync(
        string task, Func<CancellationToken, Task<HttpResponseMessage>> send, bool isRepeatable, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            var (status, body, retryAfter) = await ExchangeAsync(task, send, cancellationToken);
            if (status is >= 200 and < 300)
            {
                return Parse(body, task);
            }

            // What is refused for its rate was not done, so even a create may be sent again.
            var pause = retryAfter ?? FirstPause * (1 << (tries - 1));
            if (tries == MostTries || pause > LongestWait || !(status == 429 || (status >= 500 && isRepeatable)))
            {
                throw new RunPodFailure(_secrets.Hide(RunPodProblem.Explain(status, body, task, retryAfter)), mayHaveHappened: status >= 500);
            }

            await Console.Error.WriteLineAsync($"RunPod answers {status}; trying again in {Math.Ceiling(pause.TotalSeconds)} s.");
            await Task.Delay(pause, _time, cancellationToken);
        }
    }

    private async Task<(int Status, string Body, TimeSpan? RetryAfter)> ExchangeAsync(
        string task, Func<CancellationToken, Task<HttpResponseMessage>> send, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await send(cancellationToken);
            var asked = response.Headers.RetryAfter switch
            {
                { Delta: { } delta } => delta,
                { Date: { } date } => date - _time.GetUtcNow(),
                _ => (TimeSpan?)null,
            };
            return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken), asked > TimeSpan.Zero ? asked : null);
        }
        catch (Exception exception) when (
            exception is ApiRequestException or HttpRequestException or IOException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            var cause = exception is OperationCanceledException ? $"no answer within {CallTimeout.TotalSeconds} s" : exception.GetBaseException().Message;
            throw new RunPodFailure(_secrets.Hide($"RunPod could not be reached to {task}: {cause}"), mayHaveHappened: true);
        }
    }

    private static JsonObject? Parse(string body, string task)
    {
        try
        {
            return body.Length == 0 ? null : JsonNode.Parse(body) as JsonObject;
        }
        catch (JsonException)
        {
            throw new RunPodFailure($"RunPod's answer to the request to {task} is no JSON.", mayHaveHappened: true);
        }
    }
}
