using System.Globalization;
using BatchBus.Benchmarks.Work;

namespace BatchBus.Benchmarks.Reporting;

/// <summary>One row: the samples of one figure of one subject.</summary>
internal sealed class Figure(string subject, string name, string unit, string goal)
{
    private readonly List<double> _values = [];

    public string Subject => subject;

    public string Name => name;

    public string Unit => unit;

    public string Goal => goal;

    public IReadOnlyList<double> Values => _values;

    public double Median => Percentile(_values, 0.5);

    public Correctness Correctness { get; private set; }

    public double LoadMin { get; private set; } = double.MaxValue;

    public double LoadMax { get; private set; }

    /// <summary>The value below which the share lies, between neighbours in proportion.</summary>
    public static double Percentile(IEnumerable<double> values, double share)
    {
        var sorted = values.Order().ToArray();
        var position = share * (sorted.Length - 1);
        var below = (int)position;
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((position - below) * (sorted[above] - sorted[below]));
    }

    public void Add(double value, Correctness correctness)
    {
        _values.Add(value);
        Correctness += correctness;
        LoadMin = Math.Min(LoadMin, Machine.Load);
        LoadMax = Math.Max(LoadMax, Machine.Load);
    }

    /// <summary>Three significant digits, and all of them before the point.</summary>
    public string Show(double value) => value.ToString(
        Math.Abs(value) switch { >= 100 => "#,0", >= 10 => "0.0", >= 1 => "0.00", _ => "0.000" }, CultureInfo.InvariantCulture);
}
