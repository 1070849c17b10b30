namespace BatchBus.Orchestrator.Dispatch;

/// <summary>
/// Guided self-scheduling: a page takes a part of what remains, so that pages are large while there is much to do, a short batch
/// spreads over all workers, and the tail does not hang on one page.
/// </summary>
internal static class PageSize
{
    /// <summary>Below this size the messages would cost more than the even spread gains.</summary>
    private const int WorthSplitting = 8;

    private const int PagesInWindow = 8;

    /// <summary>Number of requests in the next page.</summary>
    /// <param name="remaining">Requests of the lane that are not released yet, at least 1.</param>
    /// <param name="workers">Workers that execute the model.</param>
    /// <param name="slots">Requests that all of them keep in flight; 0 while none has reported.</param>
    /// <param name="window">Requests of the batch that may be on their way at once.</param>
    /// <param name="meanBytes">Mean size of a request, bytes.</param>
    /// <param name="options">The limits.</param>
    public static int Next(int remaining, int workers, int slots, int window, long meanBytes, DispatchOptions options)
    {
        workers = Math.Max(1, workers);
        var size = workers == 1
            ? remaining
            : Math.Max(DivideUp(remaining, 2 * workers), Math.Min(WorthSplitting, DivideUp(remaining, workers)));
        var fitting = (int)Math.Max(1, options.MaxPageBytes / Math.Max(1, meanBytes));

        // A worker takes a page on while it holds less than twice its slots, so the page decides how much more that becomes.
        var most = slots == 0 ? options.MaxPageSize : Math.Clamp(slots / workers / 2, 1, options.MaxPageSize);

        // A page is replaced when its last request is done: with several in the window, the batch keeps its share meanwhile.
        most = Math.Min(most, Math.Max(1, window / PagesInWindow));
        return Math.Min(Math.Min(size, remaining), Math.Min(fitting, most));
    }

    private static int DivideUp(int value, int by) => (value + by - 1) / by;
}
