using System.Globalization;
using System.Text;
using BatchBus.Benchmarks.Work;

namespace BatchBus.Benchmarks.Reporting;

/// <summary>All figures of a run, and their Markdown.</summary>
internal sealed class Report(string form)
{
    private readonly List<Section> _sections = [];

    public IReadOnlyList<Section> Sections => _sections;

    /// <summary>Further plots, SVG by name.</summary>
    public Dictionary<string, string> Plots { get; } = [];

    public bool IsClean => _sections.SelectMany(section => section.Figures).All(figure => figure.Correctness.IsClean);

    public Section Begin(int number, string title)
    {
        var section = new Section(number, title);
        _sections.Add(section);
        return section;
    }

    public string ToMarkdown(DateOnly date)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# Benchmarks, {form} form, {date:yyyy-MM-dd}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{Machine.Description}\n\n");
        text.Append("Median of n samples, alternating with their floor or rival in the same run; spread is smallest to largest. ");
        text.Append("L/D/M: lost, doubled (results or executions) and misplaced results, over all samples. Load: 1-minute load average of the machine beside the samples.\n");
        foreach (var section in _sections)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {section.Number}. {section.Title}\n\n");
            text.Append("| subject | figure | median | spread | n | goal | L/D/M | load |\n| --- | --- | ---: | ---: | ---: | ---: | :---: | ---: |\n");
            foreach (var figure in section.Figures)
            {
                text.Append(CultureInfo.InvariantCulture, $"| {figure.Subject} | {figure.Name} | {figure.Show(figure.Median)} {figure.Unit} | ");
                text.Append(figure.Values.Count > 1 ? $"{figure.Show(figure.Values.Min())} – {figure.Show(figure.Values.Max())}" : "");
                text.Append(CultureInfo.InvariantCulture, $" | {figure.Values.Count} | {figure.Goal} | {figure.Correctness} | {figure.LoadMin:0.0} – {figure.LoadMax:0.0} |\n");
            }

            foreach (var note in section.Notes)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n{note}\n");
            }
        }

        return text.ToString();
    }
}

/// <summary>The figures of one measurement.</summary>
internal sealed class Section(int number, string title)
{
    private readonly List<Figure> _figures = [];
    private readonly List<string> _notes = [];

    public int Number => number;

    public string Title => title;

    public IReadOnlyList<Figure> Figures => _figures;

    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Adds a sample; those of the same subject and name make one figure.</summary>
    public void Add(string subject, string name, double value, string unit, Correctness correctness = default, string goal = "")
    {
        var figure = _figures.Find(existing => existing.Subject == subject && existing.Name == name);
        if (figure is null)
        {
            _figures.Add(figure = new Figure(subject, name, unit, goal));
        }

        figure.Add(value, correctness);
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{number}. {subject}, {name}: {figure.Show(value)} {unit} ({correctness}; load {Machine.Load:0.0})"));
    }

    public void Note(string sentence)
    {
        _notes.Add(sentence);
        Console.Error.WriteLine($"{number}. {sentence}");
    }
}
