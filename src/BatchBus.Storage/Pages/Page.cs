using System.Globalization;

namespace BatchBus.Storage.Pages;

/// <summary>One page: a range of a batch's lane.</summary>
/// <param name="BatchId">The batch.</param>
/// <param name="Lane">The lane.</param>
/// <param name="From">Position of the first request.</param>
/// <param name="Count">Number of requests.</param>
public readonly record struct Page(Guid BatchId, int Lane, int From, int Count)
{
    /// <summary>The page's name within its batch: lane, first position, count.</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"{Lane}:{From}:{Count}");

    internal static Page Parse(Guid batchId, string name)
    {
        var parts = name.Split(':').Select(part => int.Parse(part, CultureInfo.InvariantCulture)).ToArray();
        return new Page(batchId, parts[0], parts[1], parts[2]);
    }
}
