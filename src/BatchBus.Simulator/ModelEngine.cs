using System.Buffers;
using BatchBus.Simulator.Chat;

namespace BatchBus.Simulator;

/// <summary>The simulated model behind both protocols: takes requests, makes them wait, witnesses them.</summary>
#pragma warning disable CA1001 // A semaphore whose wait handle nobody asked for holds nothing to dispose of, and calls may still leave it while the server stops.
internal sealed class ModelEngine(SimulatorOptions options)
#pragma warning restore CA1001
{
    private readonly SemaphoreSlim? _slots = options.MaxConcurrency is { } limit ? new SemaphoreSlim(limit) : null;

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

    /// <summary>Reads and checks a body, and begins its entry in the log whatever it holds.</summary>
    /// <param name="json">The body of a chat completion.</param>
    /// <param name="protocol">How it came.</param>
    /// <param name="request">What was read of it.</param>
    /// <param name="rejection">The answer, where it is not to be completed.</param>
    public SimulatorLog.Ticket Accept(in ReadOnlySequence<byte> json, SimulatedProtocol protocol, out ChatRequest request, out ChatRejection? rejection)
    {
        request = new ChatRequest();
        try
        {
            request = ChatRequest.Read(json);
            rejection = request.Check(options.Models, options.MaxModelLength);
        }
        catch (ChatRejection exception)
        {
            rejection = exception;
        }

        return Log.Begin(request.Key, request.Model ?? options.Models[0], protocol);
    }

    public Task EnterAsync(CancellationToken cancellationToken) => _slots?.WaitAsync(cancellationToken) ?? Task.CompletedTask;

    public void Exit() => _slots?.Release();

    public TimeSpan LatencyOf(ulong key) =>
        Latency.Sample(options.Seed is { } seed ? SimulatedAnswer.Mix(key + ((ulong)seed * 0x9E3779B97F4A7C15)) : (ulong)Random.Shared.NextInt64(long.MinValue, long.MaxValue));

    public Task WaitAsync(TimeSpan time, CancellationToken cancellationToken) =>
        time > TimeSpan.Zero ? Task.Delay(time, options.TimeProvider, cancellationToken) : Task.CompletedTask;

    public string NextCompletionId() => $"chatcmpl-{Interlocked.Increment(ref _lastCompletion):x16}";
}
