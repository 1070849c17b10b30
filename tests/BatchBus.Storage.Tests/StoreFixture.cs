using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Storage.Schedule;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace BatchBus.Storage.Tests;

/// <summary>Runs its tests against each server; every batch has an id of its own, so that tests do not meet.</summary>
[TestFixture(StoreServer.Redis)]
[TestFixture(StoreServer.Garnet)]
public abstract class StoreFixture(StoreServer server)
{
    protected StoreServer Server { get; } = server;

    protected IConnectionMultiplexer Connection => StoreServers.Shared(Server);

    protected IDatabase Database => Connection.GetDatabase();

    /// <summary>Starts at the present moment: leases and windows are compared with the server's own clock.</summary>
    protected FakeTimeProvider Time { get; private set; } = null!;

    protected BatchSchedule Schedule { get; private set; } = null!;

    protected BatchStore Batches { get; private set; } = null!;

    protected RequestStore Requests { get; private set; } = null!;

    protected ResultStore Results { get; private set; } = null!;

    protected PageStore Pages { get; private set; } = null!;

    [SetUp]
    public async Task CreateStoresAsync()
    {
        Time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        Schedule = new BatchSchedule(Connection, Time);
        Batches = new BatchStore(Connection, Schedule, Time);
        Requests = new RequestStore(Connection);
        Results = new ResultStore(Connection, Requests);
        Pages = new PageStore(Connection);
        await Database.KeyDeleteAsync("batchbus:schedule");
    }

    protected static StoredRequest Request(int index, string failure = "")
        => new(index, $"request-{index}", 1, failure, System.Text.Encoding.UTF8.GetBytes($$"""{"max_tokens":{{index}}}"""));

    /// <summary>A result that names its author, so that it can be told whose was stored.</summary>
    protected static StoredResult Result(int index, RequestOutcome outcome = RequestOutcome.Succeeded, string author = "")
        => new(
            index, $"request-{index}", outcome, 100 + index, index, 7, 250,
            outcome is RequestOutcome.Succeeded
                ? ResultLine.Succeeded($"request-{index}", System.Text.Encoding.UTF8.GetBytes($$"""{"type":"message","author":"{{author}}"}"""))
                : ResultLine.Errored($"request-{index}", "api_error", author, "req_1"));

    /// <summary>Commits a batch whose requests are routed to the given models, one after the other; null where to none.</summary>
    protected async Task<BatchRecord> BatchAsync(IEnumerable<string?> models, TimeSpan? window = null)
    {
        var upload = await Batches.BeginUploadAsync();
        foreach (var model in models)
        {
            await upload.AddAsync(model, yieldsToStage: false, Request(upload.Count, model is null ? "There is no such model." : ""));
        }

        return (await Batches.CommitAsync(upload, "acme", null, null, window ?? TimeSpan.FromHours(24)))!;
    }

    /// <summary>Commits a batch of one lane.</summary>
    protected Task<BatchRecord> BatchAsync(int count, TimeSpan? window = null) => BatchAsync(Enumerable.Repeat("m", count), window);

    /// <summary>Stores results for positions of a batch's only lane.</summary>
    protected Task<StoreStatus> StoreAsync(Guid batchId, params int[] positions)
        => Results.StoreAsync(new Page(batchId, 0, 0, 1), "tests", [.. positions.Select(position => (position, Result(position)))]);

    /// <summary>Sets what a cancel sets.</summary>
    protected Task CancelAsync(Guid batchId) => Database.HashSetAsync(new BatchKeys(batchId).Record, "cancel", 1);
}
