using System.Globalization;
using System.Text;

namespace BatchBus.Benchmarks.Reporting;

/// <summary>The rates of a run as bars, with their spread, and numbers over time: an SVG of its own making, since bars, lines and text are all it needs.</summary>
internal static class Plot
{
    private const string RateUnit = "requests/s";
    private const int LabelWidth = 330;
    private const int BarWidth = 420;
    private const int RowHeight = 24;

    /// <summary>Null where a run measured no rates.</summary>
    public static string? Draw(Report report)
    {
        var rates = report.Sections.SelectMany(section => section.Figures).Where(figure => figure.Unit == RateUnit && figure.Name != "to results read").ToList();
        if (rates.Count == 0)
        {
            return null;
        }

        var scale = BarWidth / rates.Max(figure => figure.Values.Max());
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{LabelWidth + BarWidth + 90}\" height=\"{(rates.Count + 2) * RowHeight}\" font-family=\"sans-serif\" font-size=\"12\">\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"8\" y=\"{RowHeight - 7}\" font-weight=\"bold\">Requests per second from submission to end: median, and spread as a line</text>\n");
        for (var i = 0; i < rates.Count; i++)
        {
            var (figure, top) = (rates[i], (i + 1) * RowHeight);
            var middle = top + (RowHeight / 2);
            var (low, median, high) = (X(figure.Values.Min()), figure.Median * scale, X(figure.Values.Max()));
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{LabelWidth - 8}\" y=\"{middle + 4}\" text-anchor=\"end\">{figure.Subject}{(figure.Name == "to end" ? "" : $", {figure.Name}")}</text>\n");
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{LabelWidth}\" y=\"{top + 4}\" width=\"{median:0.0}\" height=\"{RowHeight - 8}\" fill=\"{ColourOf(figure.Subject)}\"/>\n");
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{low:0.0}\" x2=\"{high:0.0}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"black\"/>\n");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{high + 6:0.0}\" y=\"{middle + 4}\">{figure.Show(figure.Median)}</text>\n");
        }

        return svg.Append("</svg>\n").ToString();

        double X(double value) => LabelWidth + (value * scale);
    }

    /// <summary>A number over time, and the steps of what it should be.</summary>
    /// <param name="title">What it shows.</param>
    /// <param name="line">Values by time, milliseconds.</param>
    /// <param name="steps">From when on it should be which.</param>
    public static string DrawLine(string title, IReadOnlyList<(double At, double Value)> line, IReadOnlyList<(double At, int Value)> steps)
    {
        const int left = 50, top = 34, width = 720, height = 240;
        var (start, end, most) = (line[0].At, line[^1].At, line.Max(point => point.Value));
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{left + width + 20}\" height=\"{top + height + 40}\" font-family=\"sans-serif\" font-size=\"12\">\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"8\" y=\"{RowHeight - 7}\" font-weight=\"bold\">{title}</text>\n");
        for (var value = 0; value <= most; value += 64)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{left}\" x2=\"{left + width}\" y1=\"{Y(value):0.0}\" y2=\"{Y(value):0.0}\" stroke=\"#e4e4e4\"/>\n");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{left - 6}\" y=\"{Y(value) + 4:0.0}\" text-anchor=\"end\">{value}</text>\n");
        }

        for (var second = 0; second <= (end - start) / 1000; second += 10)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(start + (second * 1000)):0.0}\" y=\"{top + height + 18}\" text-anchor=\"middle\">{second} s</text>\n");
        }

        for (var i = 0; i < steps.Count; i++)
        {
            var until = i + 1 < steps.Count ? steps[i + 1].At : end;
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{X(steps[i].At):0.0}\" x2=\"{X(until):0.0}\" y1=\"{Y(steps[i].Value):0.0}\" y2=\"{Y(steps[i].Value):0.0}\" stroke=\"black\"/>\n");
        }

        var points = string.Join(' ', line.Select(point => string.Create(CultureInfo.InvariantCulture, $"{X(point.At):0.0},{Y(point.Value):0.0}")));
        return svg.Append(CultureInfo.InvariantCulture, $"<polyline points=\"{points}\" fill=\"none\" stroke=\"#4f8fc0\" stroke-width=\"2\"/>\n</svg>\n").ToString();

        double X(double at) => left + (width * (at - start) / (end - start));

        double Y(double value) => top + (height * (1 - (value / most)));
    }

    private static string ColourOf(string subject) => subject switch
    {
        _ when subject.StartsWith("floor", StringComparison.Ordinal) => "#b8b8b8",
        _ when subject.StartsWith("BullMQ", StringComparison.Ordinal) => "#e0a458",
        _ => "#4f8fc0",
    };
}
