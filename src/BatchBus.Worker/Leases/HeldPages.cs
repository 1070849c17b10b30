using System.Collections.Concurrent;
using BatchBus.Storage.Pages;

namespace BatchBus.Worker.Leases;

/// <summary>Every page that this worker holds at the moment, and the name under which it holds them.</summary>
internal sealed class HeldPages
{
    private readonly ConcurrentDictionary<Page, HeldPage> _pages = new();

    /// <summary>New with every start of the process: leases of an earlier life are another owner's.</summary>
    public string Owner { get; } = $"{Environment.MachineName}/{Environment.ProcessId}/{Guid.NewGuid():N}";

    public IEnumerable<HeldPage> All => _pages.Values;

    public bool IsEmpty => _pages.IsEmpty;

    public bool TryAdd(HeldPage page) => _pages.TryAdd(page.Page, page);

    public void Remove(HeldPage page) => _pages.TryRemove(page.Page, out _);
}
