namespace BatchBus.Api.Batches.Follow;

/// <summary>How fast one batch's requests have lately got their results, by what has been seen of it.</summary>
internal sealed class RecentRate(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    /// <summary>Pages complete in bursts: a shorter look would call one of them the rate.</summary>
    private static readonly TimeSpan ShortestLook = TimeSpan.FromSeconds(1);

    private readonly Queue<(long At, int Completed)> _seen = new();

    /// <summary>Notes how many requests have a result by now.</summary>
    /// <returns>Requests per second over the last 10 seconds; null until a second has been seen.</returns>
    public double? Note(int completed)
    {
        var now = time.GetTimestamp();
        _seen.Enqueue((now, completed));
        while (time.GetElapsedTime(_seen.Peek().At, now) > Window)
        {
            _seen.Dequeue();
        }

        var first = _seen.Peek();
        var elapsed = time.GetElapsedTime(first.At, now);
        return elapsed < ShortestLook ? null : Math.Round((completed - first.Completed) / elapsed.TotalSeconds, 2);
    }
}
