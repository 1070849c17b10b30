using System.Net;
using System.Net.Http.Headers;
using System.Text;
using BatchBus.Faults.Tests.Checks;
using BatchBus.Simulator;
using BatchBus.Storage;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Results;
using BatchBus.TestServers;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace BatchBus.Faults.Tests.Deployed;

/// <summary>
/// The roles as separate processes (an api, two orchestrators of which the second is started on demand, two workers) on a Redis of their
/// own and a virtual host of a RabbitMQ, with models that outlive them and bear witness.
/// </summary>
public sealed class Deployment : IAsyncDisposable
{
    /// <summary>Slots of a worker for each model.</summary>
    public const int Slots = 16;

    /// <summary>In the value of a setting: where the process finds its model.</summary>
    public const string ModelAddress = "{model}";

    private static readonly Dictionary<string, string> Settings = new()
    {
        ["BatchBus__Models__mistral-7b__Prefetch"] = $"{Slots}",
        ["BatchBus__Models__llama-70b__Prefetch"] = $"{Slots}",
    };

    /// <summary>All that is shortened, and by configuration only: a lapsed lease is waited for in nearly every scenario.</summary>
    private static readonly Dictionary<string, string> ShortTimes = new()
    {
        ["BatchBus__Dispatch__RequeueAfter"] = "00:00:02",
        ["BatchBus__Worker__Lease"] = "00:00:01.5",
    };

    private readonly HttpClient _http;
    private readonly ConnectionMultiplexer _connection;
    private readonly ServiceProvider _store;
    private readonly RabbitMqServer? _ownBroker;

    private Deployment(RedisServer redis, RabbitMqServer? ownBroker, string virtualHost, IReadOnlyList<RoleProcess> processes, ConnectionMultiplexer connection, SimulatorServer? sharedModel)
    {
        (Redis, _ownBroker, VirtualHost, Processes, _connection) = (redis, ownBroker, virtualHost, processes, connection);
        _http = new HttpClient { BaseAddress = new Uri(Api.Url), Timeout = TimeSpan.FromMinutes(1) };
        _store = new ServiceCollection().AddSingleton<IConnectionMultiplexer>(connection).AddBatchBusStorage().BuildServiceProvider();
        Witness = new Witness(sharedModel is null ? [.. Workers.Select(worker => worker.Calls!.Log)] : [sharedModel.Log]);
    }

    public RedisServer Redis { get; }

    public RabbitMqServer RabbitMq => _ownBroker ?? Servers.RabbitMq;

    public string VirtualHost { get; }

    public IReadOnlyList<RoleProcess> Processes { get; }

    public RoleProcess Api => Processes[0];

    public RoleProcess Orchestrator => Processes[1];

    public RoleProcess SecondOrchestrator => Processes[2];

    public IReadOnlyList<RoleProcess> Workers => [.. Processes.Skip(3)];

    public Witness Witness { get; }

    /// <summary>The store as it is, past every proxy.</summary>
    public BatchStore Batches => _store.GetRequiredService<BatchStore>();

    /// <inheritdoc cref="Batches"/>
    public ResultStore Results => _store.GetRequiredService<ResultStore>();

    /// <inheritdoc cref="Batches"/>
    public PageStore Pages => _store.GetRequiredService<PageStore>();

    /// <inheritdoc cref="Batches"/>
    public IConnectionMultiplexer Connection => _connection;

    /// <summary>Starts servers and processes, all but the second orchestrator.</summary>
    /// <param name="appendFsync">When Redis writes to its disk.</param>
    /// <param name="ownBroker">Whether the scenario harms the broker.</param>
    /// <param name="usualTimes">Whether nothing is shortened.</param>
    /// <param name="model">One model for all workers, which then cannot be told apart by their calls; null for one each.</param>
    /// <param name="more">Further settings.</param>
    public static async Task<Deployment> StartAsync(
        string appendFsync = "always", bool ownBroker = false, bool usualTimes = false, SimulatorServer? model = null, IReadOnlyDictionary<string, string>? more = null)
    {
        var settings = new IReadOnlyDictionary<string, string>[] { Settings, usualTimes ? new Dictionary<string, string>() : ShortTimes, more ?? new Dictionary<string, string>() }
            .SelectMany(part => part)
            .GroupBy(setting => setting.Key)
            .ToDictionary(same => same.Key, same => same.Last().Value);
        var redis = await RedisServer.StartAsync(appendFsync);
        var broker = ownBroker ? await RabbitMqServer.StartAsync() : null;
        var virtualHost = $"faults-{Guid.NewGuid():N}";
        var address = new Uri(await (broker ?? Servers.RabbitMq).CreateVirtualHostAsync(virtualHost));
        var processes = new List<RoleProcess>();
        foreach (var (name, role) in new[] { ("api", "api"), ("orchestrator", "orchestrator"), ("second orchestrator", "orchestrator"), ("worker 0", "worker"), ("worker 1", "worker") })
        {
            processes.Add(await RoleProcess.CreateAsync(name, role, redis.Port, address, settings, SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(50), 0.3), model));
        }

        var options = ConfigurationOptions.Parse(redis.ConnectionString);
        options.AbortOnConnectFail = false;
        options.AllowAdmin = true;
        options.ClientName = "checker";
        var deployment = new Deployment(redis, broker, virtualHost, processes, await ConnectionMultiplexer.ConnectAsync(options), model);
        await deployment.RestoreAsync();
        return deployment;
    }

    /// <summary>Lets everything pass and run again that a scenario stopped, so that the next one finds a healthy deployment.</summary>
    public async Task RestoreAsync()
    {
        SetLatency(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(50), 0.3));
        foreach (var process in Processes)
        {
            process.Redis.Restore();
            process.RabbitMq.Restore();
            process.Model?.Restore();
            if (process.IsRunning)
            {
                process.Thaw();
                if (process.IsArmed || process == SecondOrchestrator)
                {
                    process.Kill();
                }
            }
        }

        await Task.WhenAll(Processes.Where(process => process != SecondOrchestrator && !process.IsRunning).Select(process => process.StartAsync()));
    }

    public void SetLatency(SimulatedLatency latency)
    {
        foreach (var worker in Workers)
        {
            worker.Calls!.Latency = latency;
        }
    }

    /// <summary>Sends a create once, as a client without retries would.</summary>
    /// <returns>Status and body; status null where it was left unanswered.</returns>
    public async Task<(HttpStatusCode? Status, string Body)> CreateAsync(string body, string? idempotencyKey = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages/batches")
        {
            Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json")),
        };
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        return await SendAsync(request);
    }

    /// <summary>Asks for the cancel of a batch once.</summary>
    /// <inheritdoc cref="CreateAsync"/>
    public async Task<(HttpStatusCode? Status, string Body)> CancelAsync(string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/messages/batches/{id}/cancel");
        return await SendAsync(request);
    }

    /// <summary>Reads over HTTP once, with the patience of a few seconds.</summary>
    /// <inheritdoc cref="CreateAsync"/>
    public async Task<(HttpStatusCode? Status, string Body)> GetAsync(string path)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        return await SendAsync(request, patience.Token);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Processes)
        {
            await process.DisposeAsync();
        }

        _http.Dispose();
        await _connection.DisposeAsync();
        await _store.DisposeAsync();
        await Redis.DisposeAsync();
        if (_ownBroker is not null)
        {
            await _ownBroker.DisposeAsync();
        }
    }

    private async Task<(HttpStatusCode? Status, string Body)> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken = default)
    {
        try
        {
            using var response = await _http.SendAsync(request, cancellationToken);
            return (response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken));
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            return (null, exception.Message);
        }
    }
}
