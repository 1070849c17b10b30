namespace BatchBus.Simulator;

/// <summary>
/// How fast one worker generates: after <see cref="TimeToFirstToken"/>, all sequences that run on it share a total rate that depends on
/// how many they are, so that each gets slower when more run.
/// </summary>
public sealed class SimulatedTokenRate
{
    private readonly (int Concurrency, double TokensPerSecond)[] _points;

    /// <param name="timeToFirstToken">From the start of a call to its first token.</param>
    /// <param name="totals">
    /// Output tokens per second over all sequences, by how many run. Between two points the total is interpolated; below the first, each
    /// sequence is as fast as there; above the last, the total stays.
    /// </param>
    /// <exception cref="ArgumentException">There is no point, or one that is not positive.</exception>
    public SimulatedTokenRate(TimeSpan timeToFirstToken, IReadOnlyDictionary<int, double> totals)
    {
        ArgumentNullException.ThrowIfNull(totals);
        ArgumentOutOfRangeException.ThrowIfLessThan(timeToFirstToken, TimeSpan.Zero);
        _points = [.. totals.OrderBy(point => point.Key).Select(point => (point.Key, point.Value))];
        if (_points.Length == 0 || _points.Any(point => point.Concurrency < 1 || !(point.TokensPerSecond > 0)))
        {
            throw new ArgumentException("A token rate has at least one point, each with a concurrency and a rate above 0.", nameof(totals));
        }

        TimeToFirstToken = timeToFirstToken;
    }

    /// <summary>
    /// Mistral 7B on one RTX 4090, from published measurements. They hold the wait for the first token under load, so that the unloaded
    /// one, 53 ms, is added here.
    /// </summary>
    public static SimulatedTokenRate Rtx4090Mistral7B { get; } = new(
        TimeSpan.FromMilliseconds(53),
        new Dictionary<int, double> { [4] = 210, [8] = 377, [16] = 644, [32] = 975, [48] = 1190 });

    /// <summary>
    /// Llama 70B in FP8 on two A100: 662 tokens per second at 32 sequences, the first after 120 ms. The published figures do not tell how
    /// many sequences ran; their 120 ms between two tokens of one sequence mean about 80, where this model gives 8.3 tokens per second, too.
    /// </summary>
    public static SimulatedTokenRate TwoA100Llama70BFp8 { get; } = new(TimeSpan.FromMilliseconds(120), new Dictionary<int, double> { [32] = 662 });

    /// <summary>From the start of a call to its first token.</summary>
    public TimeSpan TimeToFirstToken { get; }

    /// <summary>Finds a preset: <c>rtx-4090-mistral-7b</c> or <c>2xa100-llama-70b-fp8</c>; null for another name.</summary>
    public static SimulatedTokenRate? Named(string name) => name switch
    {
        "rtx-4090-mistral-7b" => Rtx4090Mistral7B,
        "2xa100-llama-70b-fp8" => TwoA100Llama70BFp8,
        _ => null,
    };

    /// <summary>The output tokens per second over all sequences while so many run.</summary>
    public double TotalAt(int sequences)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sequences, 1);
        var (concurrency, total) = _points[0];
        if (sequences <= concurrency)
        {
            return total * sequences / concurrency;
        }

        foreach (var next in _points.AsSpan(1))
        {
            if (sequences <= next.Concurrency)
            {
                return total + ((next.TokensPerSecond - total) * (sequences - concurrency) / (next.Concurrency - concurrency));
            }

            (concurrency, total) = next;
        }

        return total;
    }
}
