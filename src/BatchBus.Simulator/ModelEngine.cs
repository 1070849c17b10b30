using System.Buffers;
using System.Collections.Concurrent;
using BatchBus.Simulator.Chat;

namespace BatchBus.Simulator;

/// <summary>The simulated model behind both protocols: takes requests, makes them wait, witnesses them.</summary>
#pragma warning disable CA1001 // A semaphore whose wait handle nobody asked for holds nothing to dispose of, and calls may still leave it while the server stops.
internal sealed class ModelEngine(SimulatorOptions options)
#pragma warning restore CA1001
{
    private readonly SemaphoreSlim? _slots = options.MaxConcurrency is { } limit ? new SemaphoreSlim(limit) : null;

    private readonly ConcurrentDictionary<string, SimulatedEndpoint> _endpoints = [];

    // Boxed: a latency is larger than what can be replaced in one step.
    private object _latency = options.Latency;
    private long _lastCompletion;

    public SimulatorLog Log { get; } = new(options.TimeProvider);

    public TimeProvider TimeProvider => options.TimeProvider;

    public IReadOnlyList<string> Models => options.Models;

    public int MaxModelLength => options.MaxModelLength;

    public SimulatedLatency Latency
    {
        get => (SimulatedLatency)Volatile.Read(ref _latency);
        set => Volatile.Write(ref _latency, value);
    }

    public IEnumerable<SimulatedEndpoint> Endpoints => _endpoints.Values;

    public SimulatedEndpoint Endpoint(string id) =>
        _endpoints.TryGetValue(id, out var endpoint) ? endpoint : _endpoints.GetOrAdd(id, static (id, engine) => new SimulatedEndpoint(id, engine), this);

    /// <summary>Reads and checks a body.</summary>
    /// <param name="json">The body of a chat completion.</param>
    /// <param name="markers">Texts to look for in its messages.</param>
    /// <param name="rejection">The answer, where it is not to be completed.</param>
    /// <returns>What was read of it, whatever it holds.</returns>
    public ChatRequest Read(in ReadOnlySequence<byte> json, string[] markers, out ChatRejection? rejection)
    {
        var request = new ChatRequest();
        try
        {
            request = ChatRequest.Read(json, markers);
            rejection = request.Check(options.Models, options.MaxModelLength);
        }
        catch (ChatRejection exception)
        {
            rejection = exception;
        }

        return request;
    }

    /// <summary>Begins the entry of a call in the log.</summary>
    public SimulatorLog.Ticket Begin(ChatRequest? request, SimulatedProtocol protocol, string endpoint) =>
        Log.Begin(request?.Key ?? 0, request?.Model ?? options.Models[0], protocol, endpoint);

    public Task EnterAsync(CancellationToken cancellationToken) => _slots?.WaitAsync(cancellationToken) ?? Task.CompletedTask;

    public void Exit() => _slots?.Release();

    public TimeSpan LatencyOf(ulong key) => Sample(Latency, key);

    public TimeSpan Sample(SimulatedLatency latency, ulong key) =>
        latency.Sample(options.Seed is { } seed ? SimulatedAnswer.Mix(key + ((ulong)seed * 0x9E3779B97F4A7C15)) : (ulong)Random.Shared.NextInt64(long.MinValue, long.MaxValue));

    public string NextCompletionId() => $"chatcmpl-{Interlocked.Increment(ref _lastCompletion):x16}";
}
