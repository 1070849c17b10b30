using System.Collections.Concurrent;
using System.Text;
using BatchBus.Contracts;
using BatchBus.Inference;
using BatchBus.Storage;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Endpoints;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.TestServers;
using BatchBus.Worker.Execution;
using BatchBus.Worker.Leases;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace BatchBus.Worker.Tests;

/// <summary>A worker as the product composes it, with a model that the test controls; on a bus in memory unless a broker is given.</summary>
internal sealed class WorkerHost : IAsyncDisposable
{
    public const string ModelName = "test-model";

    private readonly IHost _host;
    private readonly Witness _witness;
    private bool _stopped;

    private WorkerHost(IHost host, FakeModel model, Witness witness)
    {
        _host = host;
        Model = model;
        _witness = witness;
    }

    public FakeModel Model { get; }

    public BatchStore Batches => Get<BatchStore>();

    public PageStore Pages => Get<PageStore>();

    public ResultStore Results => Get<ResultStore>();

    public EndpointStore Endpoints => Get<EndpointStore>();

    public HeldPages Held => Get<HeldPages>();

    public ModelWorker Worker => Get<ModelWorkers>()[ModelName];

    public IDatabase Database => Get<IConnectionMultiplexer>().GetDatabase();

    /// <summary>The reports so far.</summary>
    public IReadOnlyList<RequestsCompleted> Reports => [.. _witness.Reports];

    /// <summary>Messages whose consumer threw for good, and so lie in an error queue.</summary>
    public IReadOnlyList<Exception> Faults => [.. _witness.Faults];

    /// <summary>Page messages that were acknowledged, whatever came of them.</summary>
    public int Acknowledged => Volatile.Read(ref _witness.Acknowledged);

    public static async Task<WorkerHost> StartAsync(
        int slots = 8, TimeSpan? lease = null, TimeSpan? stopGrace = null, RedisServer? redis = null, FakeTimeProvider? time = null, string? rabbitMq = null)
    {
        var model = new FakeModel();
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["BatchBus:Models:test-model:BaseUrl"] = "http://127.0.0.1:9/v1";
        builder.Configuration["BatchBus:Models:test-model:Prefetch"] = $"{slots}";
        builder.Configuration["BatchBus:Worker:Lease"] = $"{lease ?? TimeSpan.FromSeconds(4)}";
        builder.Configuration["BatchBus:Worker:StopGrace"] = $"{stopGrace ?? TimeSpan.FromMilliseconds(100)}";
        builder.Logging.ClearProviders();
        var options = ConfigurationOptions.Parse((redis ?? Servers.Redis).ConnectionString);
        options.AbortOnConnectFail = false;
        options.AsyncTimeout = 1_000;
        options.ReconnectRetryPolicy = new LinearRetry(100);
        var connection = await ConnectionMultiplexer.ConnectAsync(options);
        builder.Services.AddSingleton<IConnectionMultiplexer>(_ => connection);
        builder.Services.AddSingleton<TimeProvider>(time ?? TimeProvider.System);
        builder.Services.AddBatchBusInference(builder.Configuration);
        builder.Services.AddKeyedSingleton<IModelClient>(ModelName, model);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30));
        builder.Services.AddOptions<MassTransitHostOptions>().Configure(bus =>
        {
            bus.WaitUntilStarted = true;
            bus.StopTimeout = TimeSpan.FromSeconds(15);
            bus.ConsumerStopTimeout = TimeSpan.FromSeconds(2);
        });
        builder.Services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            bus.AddModelConsumers();
            if (rabbitMq is not null)
            {
                bus.UsingRabbitMq((context, broker) =>
                {
                    broker.Host(new Uri(rabbitMq));
                    broker.ConfigureModelEndpoints(context);
                });
            }
            else
            {
                bus.UsingInMemory((context, memory) => memory.ConfigureModelEndpoints(context));
            }
        });
        builder.Services.AddBatchBusWorker(builder.Configuration);
        var host = builder.Build();
        var witness = new Witness();
        var bus = host.Services.GetRequiredService<IBus>();
        bus.ConnectReceiveObserver(witness);
        bus.ConnectPublishObserver(witness);
        await host.StartAsync();
        return new WorkerHost(host, model, witness);
    }

    /// <summary>Commits a batch of one lane; the parameters of each request are its index.</summary>
    public async Task<BatchRecord> BatchAsync(int requests)
    {
        var upload = await Batches.BeginUploadAsync();
        for (var i = 0; i < requests; i++)
        {
            await upload.AddAsync(ModelName, false, new StoredRequest(i, $"request-{i}", 1, "", Encoding.UTF8.GetBytes($$"""{"max_tokens":{{i}}}""")));
        }

        return (await Batches.CommitAsync(upload, "acme", null, null, TimeSpan.FromHours(24)))!;
    }

    /// <summary>Sends a page to the model's queue.</summary>
    public async Task SendAsync(BatchRecord record, int from, int count)
    {
        var endpoint = await _host.Services.GetRequiredService<IBus>().GetSendEndpoint(new Uri($"queue:model-{ModelName}"));
        await endpoint.Send(new ExecuteRequests { BatchId = record.BatchId, Model = ModelName, Lane = 0, From = from, Count = count, Workspace = record.Workspace, Weight = 1 });
    }

    /// <summary>Stores a result that somebody else made.</summary>
    public Task StoreAsync(BatchRecord record, params int[] positions) => Results.StoreAsync(new Page(record.BatchId, 0, 0, 1), "another", [.. positions.Select(position => (position,
        new StoredResult(position, $"request-{position}", RequestOutcome.Succeeded, 1, 0, 1, 1, ResultLine.Succeeded($"request-{position}", """{"by":"another"}"""u8))))]);

    public Task<int> FinishedAsync(BatchRecord record) => FinishedAsync(record.BatchId, record.Total);

    public async Task<IReadOnlyList<StoredResult>> StoredAsync(BatchRecord record)
        => [.. (await Results.ReadAsync(record.BatchId, 0, 0, record.Total)).Select(entry => entry.Result)];

    public async Task<IReadOnlyDictionary<string, string>> EntriesAsync(BatchRecord record) => (await Pages.ReadAsync(record.BatchId)).Entries;

    public Task ReportedAsync(int pages) => Eventually.ThatAsync(() => Reports.Count >= pages, $"{pages} pages were reported");

    public Task CalledAsync(int calls) => Eventually.ThatAsync(() => Model.Calls.Count >= calls, $"{calls} calls were made");

    public async Task StopAsync()
    {
        if (!_stopped)
        {
            _stopped = true;
            await _host.StopAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Model.Open();
        await StopAsync();
        _host.Dispose();
    }

    private async Task<int> FinishedAsync(Guid batchId, int count) => (await Results.FinishedAsync(batchId, 0, 0, count)).Count(finished => finished);

    private T Get<T>()
        where T : class
        => _host.Services.GetRequiredService<T>();

    private sealed class Witness : IReceiveObserver, IPublishObserver
    {
        public int Acknowledged;

        public ConcurrentQueue<RequestsCompleted> Reports { get; } = new();

        public ConcurrentQueue<Exception> Faults { get; } = new();

        public Task PreReceive(ReceiveContext context) => Task.CompletedTask;

        public Task PostReceive(ReceiveContext context)
        {
            Interlocked.Increment(ref Acknowledged);
            return Task.CompletedTask;
        }

        public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType)
            where T : class
            => Task.CompletedTask;

        public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception)
            where T : class
            => Task.CompletedTask;

        public Task ReceiveFault(ReceiveContext context, Exception exception)
        {
            Faults.Enqueue(exception);
            return Task.CompletedTask;
        }

        public Task PrePublish<T>(PublishContext<T> context)
            where T : class
        {
            if (context.Message is RequestsCompleted report)
            {
                Reports.Enqueue(report);
            }
            else if (context.Message is Fault fault)
            {
                Faults.Enqueue(new InvalidOperationException(string.Join("; ", fault.Exceptions.Select(exception => exception.Message))));
            }

            return Task.CompletedTask;
        }

        public Task PostPublish<T>(PublishContext<T> context)
            where T : class
            => Task.CompletedTask;

        public Task PublishFault<T>(PublishContext<T> context, Exception exception)
            where T : class
            => Task.CompletedTask;
    }
}
