using BatchBus.Inference.Catalog;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Usage;

namespace BatchBus.Api.Usage;

/// <summary>Sets prices to usage: what the GPU time cost, and what the managed model would have.</summary>
internal sealed class UsagePrices(ModelCatalog catalog)
{
    private const string SelfHosted = "self_hosted";
    private const string ManagedApi = "managed";
    private const string ByGpuSeconds = "gpu_seconds";
    private const string ByTokens = "tokens";
    private const string Unknown = "none";

    /// <summary>What one model's requests used and cost.</summary>
    /// <param name="name">The model, which may not be in the catalogue any more.</param>
    /// <param name="requests">The number to show as its requests.</param>
    /// <param name="tally">What they came to.</param>
    public ModelUsage Of(string name, int requests, LaneTally tally)
    {
        catalog.TryGetModel(name, out var model);
        var isSimulated = model?.IsSimulated ?? false;
        var cost = CostOf(model, tally.GpuTime);
        var managed = model?.ComparedWith is { } price
            ? new ManagedCost(
                price.Name,
                price.AsOf,
                price.InputDollarsPerMillion,
                price.OutputDollarsPerMillion,
                price.DollarsFor(tally.InputTokens + tally.CachedTokens, tally.OutputTokens))
            : null;
        return new ModelUsage(
            name,
            requests,
            tally.Succeeded,
            tally.Errored,
            tally.InputTokens,
            tally.CachedTokens,
            tally.OutputTokens,
            tally.GpuTime.TotalSeconds,
            isSimulated,
            cost,
            PerMillion(cost.Dollars, tally.OutputTokens),
            managed,
            isSimulated ? null : CheaperOf(cost.Dollars, managed?.Dollars));
    }

    /// <summary>Several models together.</summary>
    public static UsageTotal Total(IReadOnlyCollection<ModelUsage> models)
    {
        // One whose requests all failed cost nothing, though there is no figure that says so.
        var used = models.Where(model => model.GpuSeconds > 0 || model.InputTokens + model.CachedTokens + model.OutputTokens > 0).ToList();
        var cost = Sum(used.Select(model => model.Cost.Dollars));
        var managed = Sum(used.Select(model => model.Managed?.Dollars));
        var output = models.Sum(model => model.OutputTokens);
        return new UsageTotal(
            models.Sum(model => model.Requests),
            models.Sum(model => model.Succeeded),
            models.Sum(model => model.Errored),
            models.Sum(model => model.InputTokens),
            models.Sum(model => model.CachedTokens),
            output,
            models.Sum(model => model.GpuSeconds),
            new TotalCost(cost, cost is null ? Unknown : used.Exists(model => model.Cost.Basis == ByTokens) ? ByTokens : ByGpuSeconds),
            PerMillion(cost, output),
            managed,
            used.Exists(model => model.Simulated) ? null : CheaperOf(cost, managed));
    }

    /// <summary>What an endpoint's GPU time cost, and how full it would have to be.</summary>
    /// <param name="time">What was metered.</param>
    /// <param name="used">What the workspace used of its model in the same time; null for nothing.</param>
    public EndpointUsage Of(EndpointTime time, ModelUsage? used)
    {
        var rate = catalog.TryGetModel(time.Endpoint.Split('/')[0], out var model) ? model.DollarsPerGpuSecond : null;
        var idle = time.Billed > time.Busy ? time.Billed - time.Busy : TimeSpan.Zero;
        double? utilization = time.Billed > TimeSpan.Zero ? time.Busy / time.Billed : null;
        double? breakEven = used is { Cost.Dollars: { } cost, Managed.Dollars: > 0 and var managed, Simulated: false } ? (double)(cost / managed) : null;
        return new EndpointUsage(
            time.Endpoint,
            time.Billed.TotalSeconds,
            time.Busy.TotalSeconds,
            idle.TotalSeconds,
            Dollars(time.Billed, rate),
            Dollars(time.Busy, rate),
            Dollars(idle, rate),
            utilization,
            breakEven,
            utilization is null || breakEven is null ? null : utilization >= breakEven ? SelfHosted : ManagedApi);
    }

    /// <summary>Which protocol an endpoint speaks decides whether it reports its GPU time: only RunPod's jobs do.</summary>
    private static UsageCost CostOf(CatalogModel? model, TimeSpan gpuTime)
    {
        var dollars = gpuTime > TimeSpan.Zero ? Dollars(gpuTime, model?.DollarsPerGpuSecond) : null;
        var basis = dollars is null ? Unknown : model!.Endpoints.Any(endpoint => endpoint.Protocol is ModelProtocol.RunPodJobs) ? ByGpuSeconds : ByTokens;
        return new UsageCost(dollars, basis, model?.DollarsPerGpuSecond);
    }

    private static decimal? Dollars(TimeSpan gpuTime, decimal? rate) => rate * gpuTime.Ticks / TimeSpan.TicksPerSecond;

    private static decimal? PerMillion(decimal? dollars, long tokens) => tokens > 0 && dollars is { } cost ? decimal.Round(cost * 1_000_000m / tokens, 6) : null;

    private static string? CheaperOf(decimal? own, decimal? managed) => own is null || managed is not > 0 ? null : own <= managed ? SelfHosted : ManagedApi;

    private static decimal? Sum(IEnumerable<decimal?> figures)
    {
        decimal? sum = null;
        foreach (var figure in figures)
        {
            if (figure is null)
            {
                return null;
            }

            sum = (sum ?? 0) + figure;
        }

        return sum;
    }
}
