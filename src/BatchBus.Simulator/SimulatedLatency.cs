using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace BatchBus.Simulator;

/// <summary>
/// How long a simulated call takes. Text forms: <c>20ms</c> or <c>fixed:20ms</c> for a constant, <c>lognormal:200ms,0.5</c> for a
/// log-normal distribution by its median and the standard deviation of its logarithm. Units are <c>ms</c> and <c>s</c>;
/// waits are timed to about a millisecond.
/// </summary>
public readonly record struct SimulatedLatency
{
    private const string FixedPrefix = "fixed:";
    private const string LogNormalPrefix = "lognormal:";
    private const double MaxSigma = 5;

    private static readonly TimeSpan Max = TimeSpan.FromHours(1);

    private SimulatedLatency(TimeSpan median, double sigma)
    {
        Median = median;
        Sigma = sigma;
    }

    /// <summary>The constant, or the median of the distribution.</summary>
    public TimeSpan Median { get; }

    /// <summary>The standard deviation of the logarithm; 0 for a constant.</summary>
    public double Sigma { get; }

    /// <summary>The same latency for every call, from 0 to an hour.</summary>
    public static SimulatedLatency Fixed(TimeSpan latency) => LogNormal(latency, 0);

    /// <summary>Log-normally distributed latencies: a median from 0 to an hour, a sigma from 0 to 5. No single one exceeds an hour.</summary>
    public static SimulatedLatency LogNormal(TimeSpan median, double sigma)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(median, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(median, Max);
        if (!(sigma is >= 0 and <= MaxSigma))
        {
            throw new ArgumentOutOfRangeException(nameof(sigma), sigma, "Sigma is a number from 0 to 5.");
        }

        return new SimulatedLatency(median, sigma);
    }

    /// <summary>Reads a text form; where it is none, <paramref name="error"/> is a sentence that says what is wrong with it.</summary>
    public static bool TryParse(string? text, out SimulatedLatency latency, [NotNullWhen(false)] out string? error)
    {
        latency = default;
        if (string.IsNullOrWhiteSpace(text))
        {
            error = "A latency is missing: write, for example, 20ms, fixed:200ms or lognormal:200ms,0.5.";
            return false;
        }

        var rest = text.AsSpan().Trim();
        if (!rest.StartsWith(LogNormalPrefix, StringComparison.Ordinal))
        {
            rest = rest.StartsWith(FixedPrefix, StringComparison.Ordinal) ? rest[FixedPrefix.Length..] : rest;
            if (!TryParseTime(rest, out var constant, out error))
            {
                return false;
            }

            latency = new SimulatedLatency(constant, 0);
            return true;
        }

        rest = rest[LogNormalPrefix.Length..];
        var comma = rest.IndexOf(',');
        if (comma < 0)
        {
            error = $"'{rest}' has no sigma: write the median, a comma and the sigma, as in lognormal:200ms,0.5.";
            return false;
        }

        if (!TryParseTime(rest[..comma], out var median, out error))
        {
            return false;
        }

        if (!double.TryParse(rest[(comma + 1)..], NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var sigma)
            || !(sigma is >= 0 and <= MaxSigma))
        {
            error = $"'{rest[(comma + 1)..]}' is not a sigma: a number from 0 to 5, as in lognormal:200ms,0.5.";
            return false;
        }

        latency = new SimulatedLatency(median, sigma);
        return true;
    }

    /// <summary>The text form that <see cref="TryParse"/> reads back to an equal value.</summary>
    public override string ToString()
    {
        var median = ((decimal)Median.Ticks / TimeSpan.TicksPerMillisecond).ToString(CultureInfo.InvariantCulture);
        return Sigma == 0 ? $"{FixedPrefix}{median}ms" : string.Create(CultureInfo.InvariantCulture, $"{LogNormalPrefix}{median}ms,{Sigma:R}");
    }

    /// <summary>The latency at one point of the distribution.</summary>
    /// <param name="bits">64 random bits.</param>
    internal TimeSpan Sample(ulong bits)
    {
        if (Sigma == 0)
        {
            return Median;
        }

        // Box and Muller: a uniform radius in (0, 1] and a uniform angle make a normally distributed number.
        var radius = ((uint)(bits >> 32) + 1.0) / 4294967296.0;
        var angle = (uint)bits / 4294967296.0;
        var normal = Math.Sqrt(-2 * Math.Log(radius)) * Math.Cos(2 * Math.PI * angle);
        var milliseconds = Median.TotalMilliseconds * Math.Exp(Sigma * normal);
        return TimeSpan.FromMilliseconds(Math.Min(milliseconds, Max.TotalMilliseconds));
    }

    private static bool TryParseTime(ReadOnlySpan<char> text, out TimeSpan time, [NotNullWhen(false)] out string? error)
    {
        time = default;
        var (digits, ticksPerUnit) = text switch
        {
            [.. var head, 'm', 's'] => (head.Length, TimeSpan.TicksPerMillisecond),
            [.. var head, 's'] => (head.Length, TimeSpan.TicksPerSecond),
            _ => (-1, 0),
        };
        if (digits < 0)
        {
            error = $"'{text}' has no unit: write ms or s after the number, as in 20ms.";
            return false;
        }

        if (!decimal.TryParse(text[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
        {
            error = $"'{text}' is not a time: write a number with the unit ms or s, as in 20ms.";
            return false;
        }

        if (number > (decimal)Max.Ticks / ticksPerUnit)
        {
            error = $"'{text}' is too long: a latency is at most 3600s.";
            return false;
        }

        time = TimeSpan.FromTicks((long)(number * ticksPerUnit));
        error = null;
        return true;
    }
}
