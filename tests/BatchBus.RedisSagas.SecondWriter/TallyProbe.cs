namespace BatchBus.RedisSagas.SecondWriter;

/// <summary>Counts how often behaviours ran, and holds those of held messages until it is opened.</summary>
public sealed class TallyProbe
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _arrivals = new(0);
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _attempts;

    public int Attempts => Volatile.Read(ref _attempts);

    public async Task PassAsync(bool held)
    {
        Interlocked.Increment(ref _attempts);
        if (held)
        {
            _arrivals.Release();
            await _open.Task.WaitAsync(LongestWait);
        }
    }

    public async Task HoldsAsync(int messages)
    {
        for (var arrived = 0; arrived < messages; arrived++)
        {
            await _arrivals.WaitAsync().WaitAsync(LongestWait);
        }
    }

    public void Open() => _open.SetResult();
}
