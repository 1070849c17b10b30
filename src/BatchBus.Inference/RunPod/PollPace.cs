namespace BatchBus.Inference.RunPod;

/// <summary>
/// When to look at a job: first after half of what recent jobs took, then at pauses that grow by half with every look. Spread by a fifth
/// either way, so that jobs submitted together are not looked at together.
/// </summary>
internal sealed class PollPace(TimeSpan shortest, TimeSpan longest)
{
    private const double Weight = 0.1;

    private double _typicalMilliseconds;

    /// <summary>Notes how long a job took, its wait in the queue included.</summary>
    public void Observe(TimeSpan took)
    {
        // Calls overlap here without harm: a lost observation is one of many.
        var typical = Volatile.Read(ref _typicalMilliseconds);
        Volatile.Write(ref _typicalMilliseconds, typical == 0 ? took.TotalMilliseconds : typical + (Weight * (took.TotalMilliseconds - typical)));
    }

    public TimeSpan First() => Spread(Math.Max(shortest.TotalMilliseconds, Volatile.Read(ref _typicalMilliseconds) / 2));

    /// <param name="looks">Number of looks taken so far, at least one.</param>
    public TimeSpan After(int looks) => Spread(shortest.TotalMilliseconds * Math.Pow(1.5, Math.Min(looks, 60)));

    private TimeSpan Spread(double milliseconds) =>
        TimeSpan.FromMilliseconds(Math.Min(milliseconds, longest.TotalMilliseconds) * (0.8 + (0.4 * Random.Shared.NextDouble())));
}
