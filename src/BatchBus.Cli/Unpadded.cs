using Spectre.Console.Rendering;

namespace BatchBus.Cli;

/// <summary>A table without the spaces that fill its lines up to the same length.</summary>
internal sealed class Unpadded(IRenderable table) : Renderable
{
    protected override Measurement Measure(RenderOptions options, int maxWidth) => table.Measure(options, maxWidth);

    protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
    {
        foreach (List<Segment> line in Segment.SplitLines(table.Render(options, maxWidth)))
        {
            while (line.Count > 0 && string.IsNullOrWhiteSpace(line[^1].Text))
            {
                line.RemoveAt(line.Count - 1);
            }

            if (line.Count > 0)
            {
                line[^1] = new Segment(line[^1].Text.TrimEnd(), line[^1].Style);
            }

            line.Add(Segment.LineBreak);
            foreach (var segment in line)
            {
                yield return segment;
            }
        }
    }
}
