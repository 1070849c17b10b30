using BatchBus.Inference.Catalog;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Usage;

namespace BatchBus.Api.Usage;

/// <summary>What a workspace used, with its prices.</summary>
internal sealed class UsageReports(UsageLedger ledger, EndpointMeter meter, UsagePrices prices, ModelCatalog catalog)
{
    /// <summary>What a workspace used on some days.</summary>
    /// <param name="workspace">The workspace.</param>
    /// <param name="from">The first day.</param>
    /// <param name="to">The last day.</param>
    public async Task<UsageReport> ReadAsync(string workspace, DateOnly from, DateOnly to)
    {
        var daily = await ledger.ReadAsync(workspace, from, to, catalog.Models.Select(model => model.Name));
        var models = daily.GroupBy(used => used.Model, StringComparer.Ordinal)
            .OrderBy(used => used.Key, StringComparer.Ordinal)
            .Select(used => Priced(used.Key, LaneTally.Sum(used.Select(entry => entry.Tally))))
            .ToList();
        List<DayUsage> days =
        [
            .. daily.GroupBy(used => used.Day).Select(day =>
            {
                List<ModelUsage> used = [.. day.Select(entry => Priced(entry.Model, entry.Tally))];
                return new DayUsage(day.Key, UsagePrices.Total(used), used);
            }),
        ];
        var endpoints = (await meter.ReadAsync(from, to)).Select(metered => prices.Of(metered, models.Find(model => model.Model == metered.Endpoint)));
        return new UsageReport(workspace, from, to, UsagePrices.Total(models), models, days, [.. endpoints]);
    }

    private ModelUsage Priced(string model, LaneTally tally) => prices.Of(model, tally.Succeeded + tally.Errored, tally);
}
