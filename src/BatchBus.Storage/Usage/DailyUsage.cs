using BatchBus.Storage.Batches;

namespace BatchBus.Storage.Usage;

/// <summary>What one workspace used of one model on one day.</summary>
/// <param name="Day">The UTC day on which the batches ended; of batches that are still executed, the present day.</param>
/// <param name="Model">The model.</param>
/// <param name="Tally">What its requests came to.</param>
public sealed record DailyUsage(DateOnly Day, string Model, LaneTally Tally);
