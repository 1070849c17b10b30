using BatchBus.RedisSagas.SecondWriter;
using CsCheck;

namespace BatchBus.RedisSagas.Tests;

/// <summary>Several writers against a model: whatever they do in whatever order, only who holds the stored version may write.</summary>
[TestFixture(StoreKind.Redis)]
[TestFixture(StoreKind.Garnet)]
public sealed class RedisSagaStoreModelTests(StoreKind kind)
{
    private const int Writers = 3;

    private static readonly Gen<Step[]> Steps =
        Gen.Select(Gen.Enum<Operation>(), Gen.Int[0, Writers - 1], Gen.Int[1, 1_000], (operation, writer, total) => new Step(operation, writer, total))
            .Array[1, 30];

    private enum Operation
    {
        Insert,
        Load,
        Update,
        Delete,
    }

    [Test]
    public async Task Any_sequence_of_operations_matches_the_model()
    {
        var store = new RedisSagaStore<TallyState>(
            Servers.Connection(kind), new RedisSagaOptions<TallyState> { KeyFormat = id => $"{nameof(RedisSagaStoreModelTests)}:{id:N}" });

        await Steps.SampleAsync(steps => MatchesModelAsync(store, steps), iter: 200, threads: 1);
    }

    private static async Task<bool> MatchesModelAsync(RedisSagaStore<TallyState> store, Step[] steps)
    {
        var id = Guid.NewGuid();
        var held = new Copy?[Writers];
        Copy? stored = null;
        foreach (var (operation, writer, total) in steps)
        {
            switch (operation)
            {
                case Operation.Insert:
                    var saga = new TallyState { CorrelationId = id, Total = total };
                    var inserted = await store.InsertAsync(saga);
                    if (inserted != stored is null)
                    {
                        return false;
                    }

                    held[writer] = inserted ? stored = new Copy(saga, total) : null;
                    break;
                case Operation.Load:
                    var loaded = await store.LoadAsync(id, CancellationToken.None);
                    if (loaded?.Total != stored?.Total)
                    {
                        return false;
                    }

                    // Every load of one stored version is one copy in the model, so that identity says whether it is still the stored one.
                    held[writer] = stored is null ? null : stored with { Saga = loaded! };
                    break;
                case Operation.Update when held[writer] is { } copy:
                    copy.Saga.Total = total;
                    var updated = await store.UpdateAsync(copy.Saga);
                    if (updated != copy.IsStillStored(stored))
                    {
                        return false;
                    }

                    held[writer] = updated ? stored = new Copy(copy.Saga, total) : null;
                    break;
                case Operation.Delete when held[writer] is { } copy:
                    var deleted = await store.DeleteAsync(copy.Saga);
                    if (deleted != copy.IsStillStored(stored))
                    {
                        return false;
                    }

                    stored = deleted ? null : stored;
                    held[writer] = null;
                    break;
            }
        }

        return (await store.LoadAsync(id, CancellationToken.None))?.Total == stored?.Total;
    }

    private sealed record Step(Operation Operation, int Writer, int Total);

    /// <summary>A writer's copy of one stored state; <see cref="State"/> names that state.</summary>
    private sealed record Copy(TallyState Saga, int Total)
    {
        private Guid State { get; } = Guid.NewGuid();

        public bool IsStillStored(Copy? stored) => State == stored?.State;
    }
}
