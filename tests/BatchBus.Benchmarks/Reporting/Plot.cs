using System.Globalization;
using System.Text;

namespace BatchBus.Benchmarks.Reporting;

/// <summary>The rates of a run as bars, with their spread: an SVG of its own making, since bars and text are all it needs.</summary>
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

    private static string ColourOf(string subject) => subject switch
    {
        _ when subject.StartsWith("floor", StringComparison.Ordinal) => "#b8b8b8",
        _ when subject.StartsWith("BullMQ", StringComparison.Ordinal) => "#e0a458",
        _ => "#4f8fc0",
    };
}
