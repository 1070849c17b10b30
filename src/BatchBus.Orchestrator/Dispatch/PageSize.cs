namespace BatchBus.Orchestrator.Dispatch;

/// <summary>
/// Guided self-scheduling: a page takes a part of what remains, so that pages are large while there is much to do, a short batch
/// spreads over all workers, and the tail does not hang on one page.
/// </summary>
internal static class PageSize
{
    /// <summary>Below this size the messages would cost more than the even spread gains.</summary>
    private const int WorthSplitting = 8;

    /// <summary>Number of requests in the next page.</summary>
    /// <param name="remaining">Requests of the lane that are not released yet, at least 1.</param>
    /// <param name="workers">Workers that execute the model.</param>
    /// <param name="meanBytes">Mean size of a request, bytes.</param>
    /// <param name="options">The limits.</param>
    public static int Next(int remaining, int workers, long meanBytes, DispatchOptions options)
    {
        workers = Math.Max(1, workers);
        var size = workers == 1
            ? remaining
            : Math.Max(DivideUp(remaining, 2 * workers), Math.Min(WorthSplitting, DivideUp(remaining, workers)));
        var fitting = (int)Math.Max(1, options.MaxPageBytes / Math.Max(1, meanBytes));
        return Math.Min(Math.Min(size, remaining), Math.Min(fitting, options.MaxPageSize));
    }

    private static int DivideUp(int value, int by) => (value + by - 1) / by;
}
