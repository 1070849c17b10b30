using System.Globalization;

namespace BatchBus.Storage.Batches;

/// <summary>What requests have come to so far: those of one lane, or of several together.</summary>
/// <param name="Succeeded">Requests that the model answered.</param>
/// <param name="Errored">Requests that ended with an error.</param>
/// <param name="InputTokens">Prompt tokens of the answered ones, cached ones excluded.</param>
/// <param name="CachedTokens">Prompt tokens that were cached.</param>
/// <param name="OutputTokens">Generated tokens.</param>
/// <param name="GpuTime">Time that GPUs were busy with the answered ones; of a time that requests shared, each has its part.</param>
public sealed record LaneTally(int Succeeded, int Errored, long InputTokens, long CachedTokens, long OutputTokens, TimeSpan GpuTime)
{
    /// <summary>Of no request.</summary>
    public static LaneTally None { get; } = new(0, 0, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Both together.</summary>
    public static LaneTally operator +(LaneTally one, LaneTally other) => new(
        one.Succeeded + other.Succeeded,
        one.Errored + other.Errored,
        one.InputTokens + other.InputTokens,
        one.CachedTokens + other.CachedTokens,
        one.OutputTokens + other.OutputTokens,
        one.GpuTime + other.GpuTime);

    /// <summary>All together.</summary>
    public static LaneTally Sum(IEnumerable<LaneTally> tallies) => tallies.Aggregate(None, (sum, tally) => sum + tally);

    /// <summary>Of requests that can be routed nowhere: each is an error.</summary>
    internal static LaneTally Unrouted(int count) => None with { Errored = count };

    /// <summary>Reads what store_results or <see cref="Format"/> has written; none yet is nothing.</summary>
    internal static LaneTally Parse(string? tally)
    {
        if (tally is null)
        {
            return None;
        }

        var sums = tally.Split(' ').Select(sum => long.Parse(sum, CultureInfo.InvariantCulture)).ToArray();
        return new LaneTally((int)sums[0], (int)sums[1], sums[2], sums[3], sums[4], TimeSpan.FromMicroseconds(sums[5]));
    }

    internal string Format() => string.Create(
        CultureInfo.InvariantCulture, $"{Succeeded} {Errored} {InputTokens} {CachedTokens} {OutputTokens} {GpuTime.Ticks / TimeSpan.TicksPerMicrosecond}");
}
