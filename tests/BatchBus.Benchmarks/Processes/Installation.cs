using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using BatchBus.Benchmarks.Rivals;
using BatchBus.Benchmarks.Work;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Schedule;
using BatchBus.TestServers;
using StackExchange.Redis;

namespace BatchBus.Benchmarks.Processes;

/// <summary>BatchBus as users run it: <c>batchbus serve</c> as a process of its own, embedded or with a Redis and a virtual host for itself.</summary>
internal sealed class Installation : IAsyncDisposable
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan EndDeadline = TimeSpan.FromMinutes(15);

    private readonly string _directory = Directory.CreateTempSubdirectory("batchbus-benchmark-").FullName;
    private readonly string _url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{LoopbackPort.FindFree()}");
    private readonly SimulatorProcess _simulator;
    private readonly HttpClient _http;
    private readonly Dictionary<string, int> _processes = [];
    private RedisServer? _redis;
    private ConnectionMultiplexer? _redisClient;
    private ChildProcess? _process;

    private Installation(SimulatorProcess simulator)
    {
        _simulator = simulator;
        _http = new HttpClient { BaseAddress = new Uri(_url), Timeout = TimeSpan.FromMinutes(5) };
    }

    /// <summary>Time from the start of the process to its first accepted request.</summary>
    public TimeSpan StartTime { get; private set; }

    /// <summary>The Redis of this installation, for rivals; not embedded.</summary>
    public RedisServer Redis => _redis ?? throw new InvalidOperationException("The embedded mode has no Redis server.");

    /// <summary>Process ids by name.</summary>
    public IReadOnlyDictionary<string, int> Processes => _processes;

    /// <summary>Starts a process with everything in itself.</summary>
    public static Task<Installation> StartEmbeddedAsync(SimulatorProcess simulator, int slots) => StartAsync(new Installation(simulator), slots, [], null, null);

    /// <summary>Starts a process with its own Redis and virtual host.</summary>
    public static async Task<Installation> StartOnServersAsync(
        SimulatorProcess simulator, RabbitMqServer rabbitMq, string appendFsync, int slots, params (string Name, string Value)[] settings)
        => await StartAsync(new Installation(simulator), slots, settings, rabbitMq, await RedisServer.StartAsync(appendFsync));

    /// <summary>Executes some requests, so that code is compiled, connections are open and nothing is asleep.</summary>
    public Task WarmUpAsync(int count = RivalRun.WarmUpCount) => ExecuteAsync(new Workload("the warm-up", count));

    /// <summary>Warms up at once before, as rivals do: a process that has just been idle takes a tenth longer.</summary>
    public async Task<BatchRun> ExecuteWarmAsync(Workload work)
    {
        await WarmUpAsync();
        return await ExecuteAsync(work);
    }

    /// <summary>Submits a batch, waits for its end, reads its results and checks them.</summary>
    public async Task<BatchRun> ExecuteAsync(Workload work)
    {
        var body = work.BatchBody();
        await _simulator.ClearLogAsync();
        var redisBytes = await RedisBytesAsync();
        using var meter = new ProcessMeter(Processes);
        var watch = Stopwatch.StartNew();
        var id = await SubmitAsync(body);
        var accepted = watch.Elapsed;
        await EndAsync(id);
        var ended = watch.Elapsed;
        var results = await ReadResultsAsync(id, work.Count * 1_500);
        var read = watch.Elapsed;
        var usage = await meter.StopAsync();
        redisBytes = await RedisBytesAsync() - redisBytes;
        var correctness = work.CheckResults(results) + await _simulator.CheckExecutionsAsync(work.Count);
        return new BatchRun(work.Count, accepted, ended, read, body.Length, results.Length, usage, redisBytes, correctness);
    }

    public async Task<string> SubmitAsync(ReadOnlyMemory<byte> body, string? key = null)
    {
        using var content = new ReadOnlyMemoryContent(body);
        content.Headers.ContentType = new("application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages/batches") { Content = content };
        request.Headers.Authorization = key is null ? null : new("Bearer", key);
        using var response = await _http.SendAsync(request);
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
    }

    /// <summary>Polls until the batch has ended.</summary>
    /// <param name="id">The batch.</param>
    /// <param name="interval">Pause between two looks.</param>
    public async Task EndAsync(string id, TimeSpan? interval = null)
    {
        var deadline = Stopwatch.StartNew();
        while (!await HasEndedAsync(id))
        {
            if (deadline.Elapsed > EndDeadline || _process!.HasExited)
            {
                throw new TimeoutException($"{id} has not ended. BatchBus wrote:\n{_process!.Output}");
            }

            await Task.Delay(interval ?? PollInterval);
        }
    }

    public async Task<bool> HasEndedAsync(string id)
        => (await _http.GetFromJsonAsync<JsonElement>($"/v1/messages/batches/{id}")).GetProperty("processing_status").GetString() == "ended";

    /// <summary>Requests of a workspace's batches that have succeeded so far.</summary>
    public async Task<int> SucceededAsync(string workspace)
    {
        var store = new BatchStore(_redisClient!, new BatchSchedule(_redisClient!, TimeProvider.System), TimeProvider.System);
        return (await store.ListAsync(workspace, null, null, limit: 100)).Batches.Sum(batch => batch.Succeeded);
    }

    /// <summary>The results file.</summary>
    public async Task<ReadOnlyMemory<byte>> ReadResultsAsync(string id, int expectedBytes)
    {
        using var buffer = new MemoryStream(expectedBytes);
        await using var stream = await _http.GetStreamAsync($"/v1/messages/batches/{id}/results");
        await stream.CopyToAsync(buffer, 1 << 16);
        return buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        if (_redisClient is not null)
        {
            await _redisClient.DisposeAsync();
        }

        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }

        Directory.Delete(_directory, recursive: true);
    }

    private static async Task<Installation> StartAsync(
        Installation installation, int slots, IEnumerable<(string Name, string Value)> settings, RabbitMqServer? rabbitMq, RedisServer? redis)
    {
        installation._redis = redis;
        try
        {
            await installation.LaunchAsync(slots, settings, rabbitMq);
            return installation;
        }
        catch
        {
            await installation.DisposeAsync();
            throw;
        }
    }

    private async Task LaunchAsync(int slots, IEnumerable<(string Name, string Value)> settings, RabbitMqServer? rabbitMq)
    {
        var environment = settings.ToDictionary(setting => setting.Name, setting => setting.Value);
        environment["BatchBus__DataDirectory"] = Path.Combine(_directory, "data");
        foreach (var model in new[] { "mistral-7b", "llama-70b" })
        {
            environment.TryAdd($"BatchBus__Models__{model}__BaseUrl", $"{_simulator.Url}/v1");
            environment.TryAdd($"BatchBus__Models__{model}__Protocol", "OpenAi");
        }

        environment["BatchBus__Models__mistral-7b__Prefetch"] = slots.ToString(CultureInfo.InvariantCulture);
        if (_redis is not null && rabbitMq is not null)
        {
            environment["ConnectionStrings__Redis"] = _redis.ConnectionString;
            environment["ConnectionStrings__RabbitMq"] = await rabbitMq.CreateVirtualHostAsync($"benchmark-{Guid.NewGuid():N}");
            _redisClient = await ConnectionMultiplexer.ConnectAsync($"{_redis.ConnectionString},allowAdmin=true");
        }

        var watch = Stopwatch.StartNew();
        _process = await ChildProcess.StartAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "batchbus.dll"), "serve", "--urls", _url], environment);
        await Eventually.ThatAsync(IsReadyAsync, "BatchBus is ready", TimeSpan.FromSeconds(60));
        StartTime = watch.Elapsed;
        _processes["batchbus"] = ProcessTable.FindChild(_url);
        if (_redis is not null && rabbitMq is not null)
        {
            _processes["redis"] = ProcessTable.FindChild($"redis-server {_redis.ConnectionString}");
            _processes["rabbitmq"] = ProcessTable.FindChild("-s rabbit boot");
        }
    }

    private async Task<bool> IsReadyAsync()
    {
        if (_process!.HasExited)
        {
            throw new InvalidOperationException($"BatchBus has ended:\n{_process.Output}");
        }

        try
        {
            using var response = await _http.GetAsync("/health/ready");
            return response.StatusCode is HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<long> RedisBytesAsync() => _redisClient is null ? 0 : await RedisMemory.UsedAsync(_redisClient);
}
