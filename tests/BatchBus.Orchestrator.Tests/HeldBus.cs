using System.Collections.Concurrent;
using BatchBus.Contracts;
using BatchBus.Orchestrator.Batches;
using BatchBus.Orchestrator.Dispatch;
using BatchBus.Orchestrator.Sweep;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Fleet;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Storage.Usage;
using MassTransit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace BatchBus.Orchestrator.Tests;

/// <summary>
/// The saga with all that lies beneath it, on a Redis database and a clock of its own, where nothing that is published arrives by itself:
/// a test delivers it, in any order, twice or never.
/// </summary>
internal sealed class HeldBus : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly IBusControl _bus;
    private readonly Witness _witness = new();
    private ISendEndpoint _queue = null!;

    private HeldBus(ConnectionMultiplexer redis)
    {
        Redis = redis;
        _services = new ServiceCollection()
            .AddLogging()
            .AddSingleton<IConnectionMultiplexer>(_ => redis)
            .AddSingleton(Time)
            .AddSingleton<TimeProvider>(Time)
            .AddBatchBusOrchestrator(new ConfigurationBuilder().Build())
            .RemoveAll<IHostedService>()
            .AddMassTransit(bus =>
            {
                bus.DisableUsageTelemetry();
                bus.AddBatchState();
                bus.AddConfigureEndpointsCallback((_, endpoint) => endpoint.ConfigureConsumeTopology = false);
                bus.UsingInMemory((context, memory) => memory.ConfigureEndpoints(context));
            })
            .BuildServiceProvider(validateScopes: true);
        _bus = _services.GetRequiredService<IBusControl>();
        _bus.ConnectReceiveObserver(_witness);
        _bus.ConnectSendObserver(_witness);
        _bus.ConnectPublishObserver(_witness);
    }

    public ConnectionMultiplexer Redis { get; }

    /// <summary>Starts at the present moment: leases are compared with the server's own clock.</summary>
    public FakeTimeProvider Time { get; } = new(TimeProvider.System.GetUtcNow());

    public BatchStore Batches => Get<BatchStore>();

    public FleetStore Fleet => Get<FleetStore>();

    public PageStore Pages => Get<PageStore>();

    public RequestStore Requests => Get<RequestStore>();

    public ResultStore Results => Get<ResultStore>();

    public UsageLedger Usage => Get<UsageLedger>();

    public DispatchOptions Dispatch => Get<IOptions<DispatchOptions>>().Value;

    public BatchVisit Visit => Get<BatchVisit>();

    public static async Task<HeldBus> StartAsync(string redis)
    {
        var bus = new HeldBus(await ConnectionMultiplexer.ConnectAsync(redis));
        await bus._bus.StartAsync();
        bus._queue = await bus._bus.GetSendEndpoint(new Uri("queue:batch-state"));
        return bus;
    }

    /// <summary>Hands one message to the saga and returns once its effects are stored and what it published is held.</summary>
    /// <exception cref="InvalidOperationException">The saga threw.</exception>
    public async Task DeliverAsync(object message)
    {
        var id = Guid.NewGuid();
        var handled = _witness.Expect(id);
        await _queue.Send(message, message.GetType(), context => context.MessageId = id);
        await handled;
        if (_witness.Faults.TryDequeue(out var fault))
        {
            throw new InvalidOperationException("The saga threw.", fault);
        }
    }

    /// <summary>What was sent and published since this was last asked: pages for workers, events for the saga.</summary>
    public IEnumerable<object> TakeHeld()
    {
        while (_witness.Held.TryDequeue(out var message))
        {
            yield return message;
        }
    }

    public Task<BatchState?> SagaAsync(Guid batchId) => Get<ILoadSagaRepository<BatchState>>().Load(batchId)!;

    public async ValueTask DisposeAsync()
    {
        await _bus.StopAsync();
        await _services.DisposeAsync();
        await Redis.DisposeAsync();
    }

    private T Get<T>()
        where T : class
        => _services.GetRequiredService<T>();

    private sealed class Witness : IReceiveObserver, ISendObserver, IPublishObserver
    {
        private readonly ConcurrentDictionary<Guid, TaskCompletionSource> _expected = new();

        public ConcurrentQueue<object> Held { get; } = new();

        public ConcurrentQueue<Exception> Faults { get; } = new();

        public Task Expect(Guid messageId)
        {
            var handled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _expected[messageId] = handled;
            return handled.Task;
        }

        public Task PreReceive(ReceiveContext context) => Task.CompletedTask;

        public Task PostReceive(ReceiveContext context)
        {
            if (context.GetMessageId() is { } id && _expected.TryRemove(id, out var handled))
            {
                handled.SetResult();
            }

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
            return PostReceive(context);
        }

        public Task PreSend<T>(SendContext<T> context)
            where T : class
        {
            if (context.Message is ExecuteRequests)
            {
                Held.Enqueue(context.Message);
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
                Held.Enqueue(context.Message);
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
