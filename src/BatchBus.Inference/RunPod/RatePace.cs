namespace BatchBus.Inference.RunPod;

/// <summary>
/// Keeps calls of one kind within a published rate, of which this worker has its part: calls are spread evenly, after a burst of a tenth of
/// a second's worth.
/// </summary>
internal sealed class RatePace(int calls, TimeSpan per, TimeProvider time)
{
    // What others count, and when, is not known exactly.
    private const double Margin = 0.9;

    private static readonly TimeSpan Burst = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly long _start = time.GetTimestamp();
    private TimeSpan _next;
    private int _workers = 1;

    public void ShareWith(int workers) => Volatile.Write(ref _workers, Math.Max(1, workers));

    public Task WaitAsync(CancellationToken cancellationToken)
    {
        TimeSpan wait;
        lock (_gate)
        {
            var now = time.GetElapsedTime(_start);
            _next = (_next < now - Burst ? now - Burst : _next) + (per / (calls * Margin / Volatile.Read(ref _workers)));
            wait = _next - now;
        }

        return wait > TimeSpan.Zero ? Task.Delay(wait, time, cancellationToken) : Task.CompletedTask;
    }
}
