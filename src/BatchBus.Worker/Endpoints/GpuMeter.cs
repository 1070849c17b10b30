namespace BatchBus.Worker.Endpoints;

/// <summary>
/// Divides an endpoint's GPU time among the requests that it executes at the same time. The meter runs as fast as one request of those in
/// flight is given GPU time, so what it has advanced between a request's beginning and end is that request's part; the parts of all come to
/// the time in which the GPUs had something to do. Not safe for concurrent use.
/// </summary>
internal sealed class GpuMeter(TimeProvider time)
{
    private long _at = time.GetTimestamp();

    /// <summary>GPU time that a request would have been given that had been in flight all along.</summary>
    public TimeSpan PerRequest { get; private set; }

    /// <summary>GPU time in which there was something to do, of this worker's requests.</summary>
    public TimeSpan Busy { get; private set; }

    /// <summary>GPU time that was billed, whether or not there was something to do.</summary>
    public TimeSpan Billed { get; private set; }

    /// <summary>GPU workers that run; one where the endpoint does not say. To be set right after <see cref="Advance"/>.</summary>
    public int Running { get; set; } = 1;

    /// <summary>Requests of other workers in flight. To be set right after <see cref="Advance"/>.</summary>
    public int Others { get; set; }

    /// <summary>Moves on to now.</summary>
    /// <param name="inFlight">Requests of this worker that have been in flight since the last time.</param>
    public void Advance(int inFlight)
    {
        var now = time.GetTimestamp();
        var gpu = time.GetElapsedTime(_at, now) * Running;
        _at = now;
        Billed += gpu;
        if (inFlight > 0)
        {
            var part = gpu / (inFlight + Others);
            PerRequest += part;
            Busy += part * inFlight;
        }
    }
}
