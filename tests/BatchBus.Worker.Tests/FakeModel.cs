using System.Collections.Concurrent;
using System.Text.Json;
using BatchBus.Inference;

namespace BatchBus.Worker.Tests;

/// <summary>A model whose answers a test decides, and whose log says which requests were called, and how many at once.</summary>
internal sealed class FakeModel : IModelClient
{
    private readonly ConcurrentDictionary<int, int> _attempts = new();
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _inFlight;
    private int _mostInFlight;

    /// <summary>Answers the n-th call, from 1, for the request at an index of the batch.</summary>
    public Func<int, int, CancellationToken, Task<InferenceOutcome>> Answer { get; set; } = (_, _, _) => Task.FromResult(Success);

    public static InferenceOutcome Success { get; } =
        new InferenceOutcome.Succeeded("""{"type":"message"}"""u8.ToArray(), new InferenceUsage(10, 1, 5, TimeSpan.FromMilliseconds(20)));

    /// <summary>The indexes that were called, in order.</summary>
    public ConcurrentQueue<int> Calls { get; } = new();

    public int InFlight => Volatile.Read(ref _inFlight);

    public int MostInFlight => Volatile.Read(ref _mostInFlight);

    /// <summary>From now on calls stay open until <see cref="Open"/>.</summary>
    public void Hold() => Answer = async (_, _, cancellationToken) =>
    {
        await _opened.Task.WaitAsync(cancellationToken);
        return Success;
    };

    /// <summary>Answers the calls that are open, and those to come at once.</summary>
    public void Open() => _opened.TrySetResult();

    public async Task<InferenceOutcome> CompleteAsync(ModelCall call, CancellationToken cancellationToken)
    {
        using var json = JsonDocument.Parse(call.Parameters);
        var index = json.RootElement.GetProperty("max_tokens").GetInt32();
        Calls.Enqueue(index);
        var inFlight = Interlocked.Increment(ref _inFlight);
        for (var most = MostInFlight; inFlight > most; most = MostInFlight)
        {
            Interlocked.CompareExchange(ref _mostInFlight, inFlight, most);
        }

        try
        {
            return await Answer(index, _attempts.AddOrUpdate(index, 1, (_, attempts) => attempts + 1), cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    /// <summary>What the model says of itself; by default that it is there.</summary>
    public EndpointStatus? Status { get; set; } = new(Running: 1, Ready: 1, Starting: 0, Waiting: 0);

    public Task CancelAsync(string job, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<EndpointStatus?> CheckAsync(CancellationToken cancellationToken) => Task.FromResult(Status);

    public void ShareWith(int workers)
    {
    }
}
