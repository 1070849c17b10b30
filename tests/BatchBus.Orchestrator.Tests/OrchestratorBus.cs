using System.Collections.Concurrent;
using System.Text;
using BatchBus.Contracts;
using BatchBus.Orchestrator.Batches;
using BatchBus.Orchestrator.Dispatch;
using BatchBus.Orchestrator.Sweep;
using BatchBus.Orchestrator.Webhooks;
using BatchBus.Storage;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Fleet;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Storage.Schedule;
using BatchBus.TestServers;
using MassTransit;
using MassTransit.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace BatchBus.Orchestrator.Tests;

/// <summary>The orchestrator on a bus in memory and a real Redis, without its sweeper: a test says when something is visited.</summary>
internal sealed class OrchestratorBus : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly ITestHarness _harness;
    private readonly Witness _witness;

    private OrchestratorBus(ServiceProvider services, ITestHarness harness, Witness witness)
    {
        _services = services;
        _harness = harness;
        _witness = witness;
    }

    /// <summary>A model that only this bus knows, so that no other test's batches or workers share its window.</summary>
    public string Model { get; } = $"m-{Guid.NewGuid():N}";

    /// <summary>Starts at the present moment: windows are compared with the server's own clock too.</summary>
    public FakeTimeProvider Time => Get<FakeTimeProvider>();

    public BatchStore Batches => Get<BatchStore>();

    public BatchSchedule Schedule => Get<BatchSchedule>();

    public PageStore Pages => Get<PageStore>();

    public ResultStore Results => Get<ResultStore>();

    public DispatchOptions Dispatch => Get<IOptions<DispatchOptions>>().Value;

    public SweepOptions Sweep => Get<IOptions<SweepOptions>>().Value;

    public BatchVisit Visit => Get<BatchVisit>();

    public IDatabase Database => Servers.Redis.GetDatabase();

    /// <summary>Every page that was sent to a model's queue, in order.</summary>
    public IReadOnlyList<ExecuteRequests> Sent => [.. _witness.Sent];

    public IReadOnlyList<BatchEnded> Ended => Published<BatchEnded>();

    public static async Task<OrchestratorBus> StartAsync(params (string Name, string Value)[] settings)
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(Servers.Redis)
            .AddSingleton(time)
            .AddSingleton<TimeProvider>(time)
            .AddBatchBusOrchestrator(new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create<string, string?>(setting.Name, setting.Value))).Build())
            .RemoveAll<IHostedService>()
            .AddMassTransitTestHarness(bus => bus.AddBatchState())
            .BuildServiceProvider(validateScopes: true);
        var harness = await services.StartTestHarness();
        var witness = new Witness();
        harness.Bus.ConnectReceiveObserver(witness);
        harness.Bus.ConnectSendObserver(witness);
        harness.Bus.ConnectPublishObserver(witness);
        return new OrchestratorBus(services, harness, witness);
    }

    public IReadOnlyList<T> Published<T>() => [.. _witness.Published.OfType<T>()];

    /// <summary>A sweeper of its own, as another replica would have.</summary>
    public BatchSweeper NewSweeper() => ActivatorUtilities.CreateInstance<BatchSweeper>(_services);

    public Task ReportWorkerAsync(string name, int slots) => Get<FleetStore>().ReportWorkerAsync(Model, name, slots);

    public Task<ModelFleet> FleetAsync() => Get<FleetStore>().ReadAsync(Model);

    /// <summary>Publishes an event and returns once the saga, and whatever it published, has been handled and sent on.</summary>
    /// <exception cref="InvalidOperationException">The saga threw.</exception>
    public async Task HandleAsync<T>(T message)
        where T : class
    {
        await _harness.Bus.Publish(message);
        await SettleAsync();
    }

    /// <summary>Returns once everything that was published has been handled.</summary>
    public async Task SettleAsync()
    {
        await Eventually.ThatAsync(() => _witness.Awaited.IsEmpty, "every published event was handled");
        if (_witness.Faults.TryDequeue(out var fault))
        {
            throw new InvalidOperationException("The saga threw.", fault);
        }
    }

    public Task<BatchState?> SagaAsync(Guid batchId) => Get<ILoadSagaRepository<BatchState>>().Load(batchId)!;

    public async Task<BatchRecord> RecordAsync(Guid batchId) => (await Batches.FindAsync(batchId))!;

    /// <summary>An upload of requests for this bus's model, not committed.</summary>
    public async Task<BatchUpload> UploadAsync(int requests)
    {
        var upload = await Batches.BeginUploadAsync();
        for (var i = 0; i < requests; i++)
        {
            await AddAsync(upload, Model, false);
        }

        return upload;
    }

    /// <summary>A visit as another process would make it.</summary>
    public BatchVisit NewVisit() => ActivatorUtilities.CreateInstance<BatchVisit>(_services, ActivatorUtilities.CreateInstance<WebhookDelivery>(_services));

    /// <summary>Commits a batch of one lane.</summary>
    public Task<BatchRecord> BatchAsync(int requests, TimeSpan? window = null, string? webhookUrl = null) => BatchAsync(window, webhookUrl, (Model, requests));

    /// <summary>Commits a batch of several lanes, whose requests alternate; no model stands for requests that can be routed nowhere.</summary>
    public Task<BatchRecord> BatchAsync(TimeSpan? window, params (string? Model, int Requests)[] lanes) => BatchAsync(window, null, lanes);

    private async Task<BatchRecord> BatchAsync(TimeSpan? window, string? webhookUrl, params (string? Model, int Requests)[] lanes)
    {
        var upload = await Batches.BeginUploadAsync();
        for (var position = 0; position < lanes.Max(lane => lane.Requests); position++)
        {
            for (var lane = 0; lane < lanes.Length; lane++)
            {
                if (position < lanes[lane].Requests)
                {
                    await AddAsync(upload, lanes[lane].Model, yieldsToStage: lane % 2 == 1);
                }
            }
        }

        return (await Batches.CommitAsync(upload, "acme", null, null, window ?? TimeSpan.FromHours(24), webhookUrl))!;
    }

    /// <summary>Does what a worker does with a page: stores a result for every request.</summary>
    public async Task<RequestsCompleted> ExecuteAsync(ExecuteRequests page)
    {
        var results = Enumerable.Range(page.From, page.Count).Select(position => (position, new StoredResult(
            position, $"request-{position}", RequestOutcome.Succeeded, 10, 0, 5, 100, ResultLine.Succeeded($"request-{position}", "{}"u8)))).ToList();
        await Results.StoreAsync(new Page(page.BatchId, page.Lane, 0, 1), "worker", results);
        return new RequestsCompleted
        {
            BatchId = page.BatchId,
            Model = page.Model,
            Lane = page.Lane,
            From = page.From,
            Count = page.Count,
            Requests = [.. results.Select(entry => new RequestCompleted { Index = entry.position, CustomId = entry.Item2.CustomId, Outcome = entry.Item2.Outcome })],
        };
    }

    /// <summary>Lets a worker hold a page, so that results may still come.</summary>
    public Task LeaseAsync(Guid batchId, ExecuteRequests page)
        => Pages.LeaseAsync(new Page(batchId, page.Lane, page.From, page.Count), "worker", PageStore.LongestLease);

    /// <summary>Executes a page and hands its report to the saga.</summary>
    public async Task CompleteAsync(ExecuteRequests page) => await HandleAsync(await ExecuteAsync(page));

    /// <summary>Executes every page that was sent, and those that their reports release, until there are no more.</summary>
    public async Task CompleteAllAsync()
    {
        for (var next = 0; next < Sent.Count; next++)
        {
            await CompleteAsync(Sent[next]);
        }
    }

    /// <summary>Takes a batch's results of some requests away, as a store that lost its last second would.</summary>
    public async Task LoseResultsAsync(Guid batchId, int from, int count)
    {
        var keys = new BatchKeys(batchId);
        var left = (await Results.ReadAsync(batchId, 0, 0, 10_000)).Where(entry => entry.Position < from || entry.Position >= from + count).ToList();
        await Database.KeyDeleteAsync(keys.Results(0));
        if (left.Count > 0)
        {
            await Results.StoreAsync(new Page(batchId, 0, 0, 1), "worker", left);
        }
    }

    public WebhookDelivery Webhooks => Get<WebhookDelivery>();

    public async ValueTask DisposeAsync()
    {
        await _harness.Stop();
        await _services.DisposeAsync();
    }

    private static ValueTask AddAsync(BatchUpload upload, string? model, bool yieldsToStage) => upload.AddAsync(model, yieldsToStage, new StoredRequest(
        upload.Count, $"request-{upload.Count}", 1, model is null ? "There is no such model." : "", Encoding.UTF8.GetBytes($$"""{"max_tokens":{{upload.Count}}}""")));

    private T Get<T>()
        where T : class
        => _services.GetRequiredService<T>();

    /// <summary>Sees what is sent and published, and when the last consequence of a message is over: after the save, the sends and the acknowledgement.</summary>
    private sealed class Witness : IReceiveObserver, ISendObserver, IPublishObserver
    {
        public ConcurrentQueue<ExecuteRequests> Sent { get; } = new();

        public ConcurrentQueue<object> Published { get; } = new();

        public ConcurrentDictionary<Guid, object> Awaited { get; } = new();

        public ConcurrentQueue<Exception> Faults { get; } = new();

        public Task PreReceive(ReceiveContext context) => Task.CompletedTask;

        public Task PostReceive(ReceiveContext context)
        {
            Awaited.TryRemove(context.GetMessageId() ?? throw new InvalidOperationException("A message has no id."), out _);
            return Task.CompletedTask;
        }

        public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType)
            where T : class
            => Task.CompletedTask;

        public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception)
            where T : class
        {
            Faults.Enqueue(exception);
            return Task.CompletedTask;
        }

        public Task ReceiveFault(ReceiveContext context, Exception exception)
        {
            Faults.Enqueue(exception);
            return Task.CompletedTask;
        }

        public Task PreSend<T>(SendContext<T> context)
            where T : class
        {
            if (context.Message is ExecuteRequests page)
            {
                Sent.Enqueue(page);
            }

            return Task.CompletedTask;
        }

        public Task PostSend<T>(SendContext<T> context)
            where T : class
            => Task.CompletedTask;

        public Task SendFault<T>(SendContext<T> context, Exception exception)
            where T : class
            => Task.CompletedTask;

        public Task PrePublish<T>(PublishContext<T> context)
            where T : class
        {
            if (context.Message is BatchSubmitted or RequestsCompleted or CancelBatch or ReconcileBatch or BatchEnded)
            {
                Published.Enqueue(context.Message);
                Awaited.TryAdd(context.MessageId!.Value, context.Message);
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
