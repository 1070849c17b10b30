using System.Globalization;
using BatchBus.Inference.Catalog;
using Spectre.Console;

namespace BatchBus.Cli.Running;

/// <summary>What a batch came to: a table per model, how its figures were made, and where the managed API would have been cheaper.</summary>
internal sealed class Summary(IAnsiConsole console, ModelCatalog catalog)
{
    public void Show(BatchProgress batch, IReadOnlyDictionary<string, double> busySeconds)
    {
        var lines = batch.Models.Select(model => Line.Of(model, catalog, busySeconds)).ToList();
        var table = new Table().Border(TableBorder.Simple).AddColumn("");
        foreach (var model in lines.Select(line => line.Usage))
        {
            table.AddColumn(new TableColumn(Markup.Escape(model.Model) + (model.Simulated ? "\n[yellow]simulated[/]" : "")) { Alignment = Justify.Right });
        }

        Row("requests", line => Number(line.Usage.Requests));
        Row("succeeded", line => Number(line.Usage.Succeeded));
        Row("errored", line => line.Usage.Errored == 0 ? "0" : $"[red]{Number(line.Usage.Errored)}[/]");
        Row("tokens in", line => Number(line.Usage.InputTokens + line.Usage.CachedTokens));
        Row("tokens out", line => Number(line.Usage.OutputTokens));
        Row("time", line => line.Busy is { } busy ? Duration.Text(busy) : "–");
        Row("cost", line => line.Cost is { } cost ? Dollars(cost) : "–");
        Row("managed API", line => line is { Managed: { } managed, Price: { } price }
            ? string.Create(CultureInfo.InvariantCulture, $"{Dollars(managed)}\n[grey]{Markup.Escape(price.Name)}\nprice of {price.AsOf:yyyy-MM-dd}[/]")
            : "–");
        if (lines.Count > 0)
        {
            console.Write(table);
        }

        if (batch.Total - batch.Models.Sum(model => model.Requests) is var unrouted and > 0)
        {
            console.MarkupLine($"[red]{Number(unrouted)} of {Number(batch.Total)} requests could be sent to no model.[/]");
        }

        ShowNotes(lines);

        void Row(string heading, Func<Line, string> cell) => table.AddRow([heading, .. lines.Select(cell)]);
    }

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Dollars(decimal dollars)
        => dollars.ToString(dollars >= 1 ? "$#,0.00" : dollars >= 0.01m ? "$0.0000" : "$0.000000", CultureInfo.InvariantCulture);

    private void ShowNotes(List<Line> lines)
    {
        if (lines.Any(line => line.Usage.Simulated))
        {
            console.MarkupLine("[yellow]simulated:[/] the simulator answered, no model did. Times and costs here say nothing about real ones; set --endpoint for real answers.");
        }

        foreach (var line in lines.Where(line => !line.Usage.Simulated && line is { Cost: > 0, Managed: > 0 }))
        {
            var (cost, managed) = (line.Cost!.Value, line.Managed!.Value);
            console.WriteLine(cost <= managed
                ? string.Create(CultureInfo.InvariantCulture, $"{line.Usage.Model} cost {1 - cost / managed:P0} less than {line.Price!.Name} would have.")
                : string.Create(CultureInfo.InvariantCulture, $"{line.Usage.Model} cost {cost / managed:0.0} times what {line.Price!.Name} would have: the managed API would have been cheaper for this batch. A fuller GPU costs less per token."));
        }

        var rates = string.Join(", ", lines.Where(line => line.Rate is not null).Select(line => string.Create(CultureInfo.InvariantCulture, $"{line.Usage.Model} ${line.Rate}")));
        foreach (var note in new[]
        {
            "time: wall-clock time in which the model had requests of this batch to answer, to about a quarter of a second.",
            $"cost: that time at the price of a GPU second ({(rates.Length == 0 ? "none is set" : rates)}), as for one worker of the endpoint; idle and starting GPUs come on top.",
            "managed API: the same tokens at the named model's price of that day; cached prompt tokens count in full.",
        })
        {
            console.MarkupLineInterpolated($"[grey]{note}[/]");
        }
    }

    /// <summary>One model's figures; null where there is no price or no time to compute them from.</summary>
    private sealed record Line(ModelProgress Usage, TimeSpan? Busy, decimal? Rate, decimal? Cost, ManagedPrice? Price, decimal? Managed)
    {
        public static Line Of(ModelProgress usage, ModelCatalog catalog, IReadOnlyDictionary<string, double> busySeconds)
        {
            catalog.TryGetModel(usage.Model, out var model);
            TimeSpan? busy = busySeconds.TryGetValue(usage.Model, out var seconds) && seconds > 0 ? TimeSpan.FromSeconds(seconds) : null;
            var price = model?.ComparedWith;
            return new Line(
                usage,
                busy,
                model?.DollarsPerGpuSecond,
                busy is null ? null : (decimal)seconds * model?.DollarsPerGpuSecond,
                price,
                price is null ? null : ((usage.InputTokens + usage.CachedTokens) * price.InputDollarsPerMillion + usage.OutputTokens * price.OutputDollarsPerMillion) / 1_000_000m);
        }
    }
}
