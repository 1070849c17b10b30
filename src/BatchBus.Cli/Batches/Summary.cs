using System.Globalization;
using Spectre.Console;

namespace BatchBus.Cli.Batches;

/// <summary>What a batch came to: a table per model, how its figures were made, and where the managed API would have been cheaper.</summary>
/// <param name="console">Where to.</param>
/// <param name="remedy">What to do where models were simulated.</param>
internal sealed class Summary(IAnsiConsole console, string remedy)
{
    public void Show(BatchProgress batch)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumn("");
        foreach (var model in batch.Models)
        {
            table.AddColumn(new TableColumn(Markup.Escape(model.Model) + (model.Simulated ? "\n[yellow]simulated[/]" : "")) { Alignment = Justify.Right });
        }

        Row("requests", model => Number(model.Requests));
        Row("succeeded", model => Number(model.Succeeded));
        Row("errored", model => model.Errored == 0 ? "0" : $"[red]{Number(model.Errored)}[/]");
        Row("tokens in", model => Number(model.InputTokens + model.CachedTokens));
        Row("tokens out", model => Number(model.OutputTokens));
        Row("GPU time", model => model.GpuSeconds > 0 ? Duration.Text(TimeSpan.FromSeconds(model.GpuSeconds)) : "–");
        Row("cost", model => model.Cost.Dollars is { } cost ? Dollars(cost) : "–");
        Row("per million tokens out", model => model.DollarsPerMillionOutputTokens is { } cost ? Dollars(cost) : "–");
        Row("managed API", model => model.Managed is { } managed
            ? string.Create(CultureInfo.InvariantCulture, $"{Dollars(managed.Dollars)}\n[grey]{Markup.Escape(managed.Name)}\nprice of {managed.PriceAsOf:yyyy-MM-dd}[/]")
            : "–");
        if (batch.Models.Count > 0)
        {
            console.Write(table);
        }

        if (batch.Total - batch.Models.Sum(model => model.Requests) is var unrouted and > 0)
        {
            console.MarkupLine($"[red]{Number(unrouted)} of {Number(batch.Total)} requests could be sent to no model.[/]");
        }

        ShowNotes(batch.Models);

        void Row(string heading, Func<ModelProgress, string> cell) => table.AddRow([heading, .. batch.Models.Select(cell)]);
    }

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Dollars(decimal dollars)
        => dollars.ToString(dollars >= 1 ? "$#,0.00" : dollars >= 0.01m ? "$0.0000" : "$0.000000", CultureInfo.InvariantCulture);

    private void ShowNotes(IReadOnlyList<ModelProgress> models)
    {
        if (models.Any(model => model.Simulated))
        {
            console.MarkupLine($"[yellow]simulated:[/] the simulator answered, no model did. Times and costs here say nothing about real ones; {remedy} for real answers.");
        }

        foreach (var model in models.Where(model => !model.Simulated && model is { Cost.Dollars: > 0, Managed.Dollars: > 0 }))
        {
            var (cost, managed) = (model.Cost.Dollars!.Value, model.Managed!.Dollars);
            console.WriteLine(cost <= managed
                ? string.Create(CultureInfo.InvariantCulture, $"{model.Model} cost {1 - cost / managed:P0} less than {model.Managed.Name} would have, idle time not counted; with it, it stays cheaper while the GPU is busy for at least {cost / managed:P0} of the time that is billed.")
                : string.Create(CultureInfo.InvariantCulture, $"{model.Model} cost {cost / managed:0.0} times what {model.Managed.Name} would have: the managed API would have been cheaper for this batch. A fuller GPU costs less per token."));
        }

        var rates = string.Join(", ", models.Where(model => model.Cost.DollarsPerGpuSecond is not null)
            .Select(model => string.Create(CultureInfo.InvariantCulture, $"{model.Model} ${model.Cost.DollarsPerGpuSecond}")));
        var unreported = string.Join(", ", models.Where(model => !model.Simulated && model.Cost.Basis == "tokens").Select(model => model.Model));
        foreach (var note in new[]
        {
            "GPU time: of each second that a GPU worked on several requests at once, each has its part."
                + (unreported.Length == 0 ? "" : $" Not reported by the endpoint of {unreported}: there it is the time in which requests were open."),
            $"cost: that time at the price of a GPU second ({(rates.Length == 0 ? "none is set" : rates)}); idle and starting GPUs come on top.",
            "managed API: the same tokens at the named model's price of that day; cached prompt tokens count in full.",
        })
        {
            console.MarkupLineInterpolated($"[grey]{note}[/]");
        }
    }
}
