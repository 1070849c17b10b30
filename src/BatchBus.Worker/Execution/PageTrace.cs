using System.Diagnostics;
using BatchBus.Contracts;
using BatchBus.Storage;
using BatchBus.Worker.Leases;

namespace BatchBus.Worker.Execution;

/// <summary>The span of one page's execution, under which its calls and its report stand.</summary>
internal static class PageTrace
{
    /// <summary>
    /// Pages that are sent as soon as their batch is there belong to the trace of its creation. One that is sent later begins a trace of
    /// its own and links to that one: it may come hours later, and a trace of a hundred thousand calls can neither be shown nor sampled.
    /// </summary>
    public static Activity? Begin(HeldPage page)
    {
        if (!Telemetry.Source.HasListeners())
        {
            return null;
        }

        ActivityLink[]? links = null;
        if (ActivityContext.TryParse(page.BatchTrace, null, isRemote: true, out var creation))
        {
            links = Activity.Current is { } message ? [new(creation), new(message.Context)] : [new(creation)];
            Activity.Current = null;
        }

        return Telemetry.Source.StartActivity(
            ActivityKind.Internal,
            name: $"execute {page.Model}",
            tags:
            [
                new(Telemetry.BatchId, BatchId.Format(page.Page.BatchId)),
                new("batchbus.model", page.Model),
                new("batchbus.page", page.Page.Name),
                new("batchbus.page.requests", page.Page.Count),
            ],
            links: links);
    }
}
