using System.Globalization;
using Spectre.Console;

namespace BatchBus.Cli.Batches;

/// <summary>What a batch came to: a table per model, how its figures were made, and where the managed API would have been cheaper.</summary>
/// <param name="console">Where to.</param>
/// <param name="remedy">What to do where models were simulated.</param>
internal sealed class Summary(IAnsiConsole console, string remedy)
{
    private const string None = "–";

    /// <summary>Shows a batch that has ended.</summary>
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
        if (batch.Models.Any(model => model.Requests > model.Done))
        {
            Row("canceled or expired", model => Number(model.Requests - model.Done));
        }

        Row("tokens in", model => Number(model.InputTokens + model.CachedTokens));
        Row("tokens out", model => Number(model.OutputTokens));
        Row("GPU time", model => model.GpuSeconds > 0 ? Duration.Text(TimeSpan.FromSeconds(model.GpuSeconds)) : None);
        Row("cost", model => model.Cost.Dollars is { } cost ? Dollars(cost) : None);
        Row("per million tokens out", model => model.DollarsPerMillionOutputTokens is { } cost ? Dollars(cost) : None);
        Row("managed API", model => model.Managed is { Dollars: > 0 } managed
            ? string.Create(CultureInfo.InvariantCulture, $"{Dollars(managed.Dollars)}\n[grey]{Markup.Escape(managed.Name)}\nprice of {managed.PriceAsOf:yyyy-MM-dd}[/]")
            : None);
        if (batch.Models.Count > 0)
        {
            console.Write(new Unpadded(table));
        }

        if (batch.Total - batch.Models.Sum(model => model.Requests) is var unrouted and > 0)
        {
            console.MarkupLine($"[red]{Number(unrouted)} of {Number(batch.Total)} requests could be sent to no model.[/]");
        }

        ShowComparison(batch.Models);
        ShowNotes(batch.Models);

        void Row(string heading, Func<ModelProgress, string> cell) => table.AddRow([heading, .. batch.Models.Select(cell)]);
    }

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Dollars(decimal dollars)
        => dollars.ToString(dollars >= 1 ? "$#,0.00" : dollars >= 0.01m ? "$0.0000" : dollars > 0 ? "$0.000000" : "$0", CultureInfo.InvariantCulture);

    private static string Names(IEnumerable<ModelProgress> models, Func<ModelProgress, string> name) => string.Join(", ", models.Select(name));

    private static string PriceSetting(ModelProgress model) => $"BatchBus__Models__{model.Model}__DollarsPerGpuSecond";

    private void ShowComparison(IReadOnlyList<ModelProgress> models)
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
    }

    /// <summary>How the figures were made, where there are any.</summary>
    private void ShowNotes(IReadOnlyList<ModelProgress> models)
    {
        var timed = models.Where(model => model.GpuSeconds > 0).ToList();
        if (timed.Count > 0)
        {
            var unreported = timed.Where(model => model is { Simulated: false, Cost.Basis: "tokens" }).ToList();
            Note("GPU time: of each second that a GPU worked on several requests at once, each has its part."
                + (unreported.Count == 0 ? "" : $" Not reported by the endpoint of {Names(unreported, model => model.Model)}: there it is the time in which requests were open."));
        }

        var priced = timed.Where(model => model.Cost.Dollars is not null).ToList();
        if (priced.Count > 0)
        {
            var own = priced.Where(model => model is { Simulated: false, Cost: { Basis: "tokens", DollarsPerGpuSecond: > 0 } }).ToList();
            Note($"cost: that time at the price of a GPU second ({Names(priced, model => string.Create(CultureInfo.InvariantCulture, $"{model.Model} ${model.Cost.DollarsPerGpuSecond}"))}); idle and starting GPUs come on top."
                + (own.Count == 0 ? "" : $" If the GPU is yours or has another price, set {Names(own, PriceSetting)}, to 0 where it costs nothing."));
        }

        foreach (var model in timed.Where(model => model.Cost.DollarsPerGpuSecond is null))
        {
            Note($"cost: {model.Model} has no price. Set {PriceSetting(model)} to what a second of its GPU costs, such as 0.0003; to 0 where it costs nothing.");
        }

        if (models.Any(model => model.Managed is { Dollars: > 0 }))
        {
            Note("managed API: the same tokens at the named model's price of that day; cached prompt tokens count in full.");
        }

        void Note(string text) => console.MarkupLineInterpolated($"[grey]{text}[/]");
    }
}
