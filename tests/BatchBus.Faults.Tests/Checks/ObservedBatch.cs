using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using BatchBus.Contracts;
using BatchBus.Faults.Tests.Deployed;
using BatchBus.Storage.Batches;
using BatchBus.TestServers;
using StackExchange.Redis;

namespace BatchBus.Faults.Tests.Checks;

/// <summary>
/// One batch under watch: every 100 ms its status is read over HTTP and its stored results past all proxies, and each reading is held
/// against the earlier ones. At the end the results, the counts and the model's log are held against each other.
/// </summary>
public sealed class ObservedBatch : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>A call that had left its worker may arrive so much later, on a machine under load.</summary>
    private static readonly TimeSpan OnItsWay = TimeSpan.FromMilliseconds(100);

    private static readonly string[] Statuses = ["in_progress", "canceling", "ended"];
    private static readonly string[] Times = ["created_at", "expires_at", "cancel_initiated_at", "ended_at", "archived_at"];
    private static readonly string[] Outcomes = ["succeeded", "errored", "canceled", "expired"];

    private readonly Deployment _deployment;
    private readonly CancellationTokenSource _stopped = new();
    private readonly ConcurrentQueue<string> _violations = new();
    private readonly Dictionary<ulong, TimeSpan> _durableAt = [];
    private readonly Task _observing;
    private volatile string? _last;
    private TimeSpan? _endedAt;
    private BatchRecord? _record;

    /// <summary>Watches a batch that exists.</summary>
    public ObservedBatch(Deployment deployment, Workload workload, string id)
    {
        _deployment = deployment;
        Workload = workload;
        Id = id;
        BatchId = BatchBus.Contracts.BatchId.TryParse(id, out var batchId) ? batchId : throw new ArgumentException($"{id} is no batch id.", nameof(id));
        _observing = ObserveAsync();
    }

    public Workload Workload { get; }

    public string Id { get; }

    public Guid BatchId { get; }

    /// <summary>Whether results that were seen stored may be gone again: only where Redis itself has lost them.</summary>
    public bool MayForget { get; set; }

    /// <summary>When the batch was first seen ended, on the witness's clock.</summary>
    public TimeSpan? EndedAt => _endedAt;

    /// <summary>Requests without a line in the results file, when it was last read.</summary>
    public int Lost { get; private set; }

    /// <summary>Lines too many in the results file, when it was last read.</summary>
    public int Doubled { get; private set; }

    public string? Status => _last is { } last ? JsonDocument.Parse(last).RootElement.GetProperty("processing_status").GetString() : null;

    /// <summary>The calls for this batch's requests.</summary>
    public IReadOnlyList<ModelCall> Calls
    {
        get
        {
            var keys = Workload.IndexByKey;
            return [.. _deployment.Witness.Calls.Where(call => keys.ContainsKey(call.Key))];
        }
    }

    /// <summary>The calls of requests that were called again later: all of a request but its last.</summary>
    public IReadOnlyList<ModelCall> Repeated => [.. Calls.Where(call => !WasUnderWay(call)).GroupBy(call => call.Key).SelectMany(calls => calls.OrderBy(call => call.Start).SkipLast(1))];

    /// <summary>Creates a batch and begins to watch it.</summary>
    public static async Task<ObservedBatch> SubmitAsync(Deployment deployment, Workload workload)
    {
        var (status, body) = await deployment.CreateAsync(workload.Body);
        Assert.That(status, Is.EqualTo(HttpStatusCode.OK), body);
        return new ObservedBatch(deployment, workload, IdOf(body));
    }

    public static string IdOf(string body) => JsonDocument.Parse(body).RootElement.GetProperty("id").GetString()!;

    /// <summary>Waits until so many calls were answered.</summary>
    public Task AnsweredAsync(int count)
        => Eventually.ThatAsync(() => Calls.Count(call => call.Outcome is Simulator.SimulatedOutcome.Completed) >= count, $"{count} calls of {Id} are answered", TimeSpan.FromSeconds(60));

    /// <summary>Waits until the batch is seen ended.</summary>
    public async Task EndsAsync(TimeSpan within)
    {
        try
        {
            await Eventually.ThatAsync(() => _endedAt is not null, $"{Id} ends", within);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"{Id} has not ended within {within.TotalSeconds} s. Last seen: {_last}. Stored: {await StateAsync()}");
        }
    }

    /// <summary>Waits until the batch has ended and holds everything that is known of it against everything else.</summary>
    /// <param name="within">The bound on its liveness.</param>
    /// <param name="waste">Calls that may have been made again.</param>
    /// <param name="ended">How its requests may have ended; all succeed where none is named.</param>
    public async Task EndsExactAsync(TimeSpan within, Waste waste, params string[] ended)
    {
        await EndsAsync(within);
        await Eventually.ThatAsync(
            async () => (_record = await _deployment.Batches.FindAsync(BatchId)) is { Announced: true }, $"the end of {Id} is announced", TimeSpan.FromSeconds(30));
        var results = await ResultsAsync();
        using (Assert.EnterMultipleScope())
        {
            AssertResults(results, ended.Length > 0 ? ended : ["succeeded"]);
            AssertUsage(results);
            Assert.That(Repeated.Select(call => call.Id), Is.SubsetOf(waste.Calls), "only calls that were open at a fault are made again");
        }

        AssertConsistent();
    }

    /// <summary>Nothing that was seen contradicts anything else that was seen, up to now.</summary>
    public void AssertConsistent()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(_violations, Is.Empty, Id);
            Assert.That(CallsAfterResult().Select(Describe), Is.Empty, "no call after its result was durable");
            Assert.That(CallsAfterEnd().Select(Describe), Is.Empty, "no call after the batch was seen ended");
        }
    }

    public IReadOnlyList<ModelCall> CallsAfterResult()
    {
        lock (_durableAt)
        {
            return [.. Calls.Where(call => !WasUnderWay(call) && _durableAt.TryGetValue(call.Key, out var durable) && call.Start > durable + OnItsWay)];
        }
    }

    public IReadOnlyList<ModelCall> CallsAfterEnd() => [.. Calls.Where(call => !WasUnderWay(call) && call.Start > _endedAt + OnItsWay)];

    /// <summary>
    /// Whether a process was frozen between the decision to call and the call: nobody can take that back, and the call arrives as soon as
    /// the process goes on.
    /// </summary>
    private bool WasUnderWay(ModelCall call)
        => _deployment.Workers[call.Worker].ThawedAt is { } thawed && call.Start - _deployment.Witness.At(thawed) is var late && late >= TimeSpan.Zero && late < OnItsWay;

    /// <summary>The lines of the results file by custom_id, the first of each.</summary>
    public async Task<IReadOnlyDictionary<string, JsonElement>> ResultsAsync()
    {
        var (_, text) = await Eventually.ReadAsync(
            () => _deployment.GetAsync($"/v1/messages/batches/{Id}/results"), read => read.Status is HttpStatusCode.OK, $"the results of {Id} can be read");
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        var byId = lines.GroupBy(line => line.GetProperty("custom_id").GetString()!).ToDictionary(same => same.Key, same => same.First().GetProperty("result"));
        (Lost, Doubled) = (Workload.Count - byId.Count, lines.Count - byId.Count);
        return byId;
    }

    /// <summary>Whether a request has a stored result at this moment.</summary>
    public async Task<IReadOnlySet<ulong>> DurableAsync()
    {
        await NoteDurableAsync();
        lock (_durableAt)
        {
            return _durableAt.Keys.ToHashSet();
        }
    }

    /// <summary>Forgets which results were seen stored, where the store is about to lose some.</summary>
    public void ForgetDurable()
    {
        lock (_durableAt)
        {
            _durableAt.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        await _observing;
        _stopped.Dispose();
    }

    private void AssertResults(IReadOnlyDictionary<string, JsonElement> results, string[] ended)
    {
        var counts = JsonDocument.Parse(_last!).RootElement.GetProperty("request_counts");
        Assert.That(results.Keys.Order(), Is.EqualTo(Enumerable.Range(0, Workload.Count).Select(Workload.CustomId)), "each custom_id has a line");
        Assert.That(Doubled, Is.Zero, "each custom_id has one line");
        foreach (var outcome in Outcomes)
        {
            Assert.That(results.Values.Count(result => TypeOf(result) == outcome), Is.EqualTo(counts.GetProperty(outcome).GetInt32()), $"{outcome}: count and lines");
        }

        Assert.That(results.Values.Select(TypeOf).Distinct(), Is.SubsetOf(ended));
        for (var i = 0; i < Workload.Count; i++)
        {
            if (results.TryGetValue(Workload.CustomId(i), out var result) && TypeOf(result) == "succeeded")
            {
                var text = result.GetProperty("message").GetProperty("content")[0].GetProperty("text").GetString();
                Assert.That(text, Does.Contain(Workload.Echo(i)), Workload.CustomId(i));
            }
        }
    }

    private void AssertUsage(IReadOnlyDictionary<string, JsonElement> results)
    {
        var usages = results.Values.Where(result => TypeOf(result) == "succeeded").Select(result => result.GetProperty("message").GetProperty("usage")).ToList();
        Assert.That(usages.Sum(usage => Tokens(usage, "input_tokens")), Is.EqualTo(_record!.Tallies.Sum(tally => tally.InputTokens)), "input tokens");
        Assert.That(usages.Sum(usage => Tokens(usage, "cache_read_input_tokens")), Is.EqualTo(_record.Tallies.Sum(tally => tally.CachedTokens)), "cached tokens");
        Assert.That(usages.Sum(usage => Tokens(usage, "output_tokens")), Is.EqualTo(_record.Tallies.Sum(tally => tally.OutputTokens)), "output tokens");

        static long Tokens(JsonElement usage, string name) => usage.TryGetProperty(name, out var tokens) && tokens.ValueKind is JsonValueKind.Number ? tokens.GetInt64() : 0;
    }

    private async Task ObserveAsync()
    {
        while (!_stopped.IsCancellationRequested)
        {
            try
            {
                await NoteStatusAsync();
                await NoteDurableAsync();
                await Task.Delay(Interval, _stopped.Token);
            }
            catch (Exception exception) when (exception is RedisException or RedisTimeoutException or OperationCanceledException)
            {
                // The store is away, or the watch is over.
            }
        }
    }

    private async Task NoteStatusAsync()
    {
        var (status, body) = await _deployment.GetAsync($"/v1/messages/batches/{Id}").WaitAsync(_stopped.Token);
        if (status is HttpStatusCode.NotFound)
        {
            _violations.Enqueue($"a batch that was created is not found: {body}");
        }

        if (status is not HttpStatusCode.OK)
        {
            return;
        }

        var seen = JsonDocument.Parse(body).RootElement;
        var counts = seen.GetProperty("request_counts");
        var sum = counts.EnumerateObject().Sum(count => count.Value.GetInt32());
        if (sum != Workload.Count)
        {
            _violations.Enqueue($"the counts sum to {sum}, not to {Workload.Count}: {body}");
        }

        var ended = StatusOf(seen) == "ended";
        if (ended != (counts.GetProperty("processing").GetInt32() == 0) || ended != (seen.GetProperty("ended_at").ValueKind is JsonValueKind.String))
        {
            _violations.Enqueue($"status, counts and ended_at disagree: {body}");
        }

        if (_last is { } last)
        {
            Compare(JsonDocument.Parse(last).RootElement, seen);
        }

        _last = body;
        if (ended)
        {
            _endedAt ??= _deployment.Witness.Now;
        }
    }

    private void Compare(JsonElement before, JsonElement after)
    {
        if (Array.IndexOf(Statuses, StatusOf(after)) < Array.IndexOf(Statuses, StatusOf(before)))
        {
            _violations.Enqueue($"went back from {before} to {after}");
        }

        if (StatusOf(before) == "ended" && before.ToString() != after.ToString())
        {
            _violations.Enqueue($"changed after its end from {before} to {after}");
        }

        foreach (var name in Times)
        {
            if (before.GetProperty(name).ToString() is { Length: > 0 } set && after.GetProperty(name).ToString() != set)
            {
                _violations.Enqueue($"{name} was set twice: {before} and {after}");
            }
        }
    }

    private async Task NoteDurableAsync()
    {
        _record ??= await _deployment.Batches.FindAsync(BatchId);
        foreach (var lane in _record?.Lanes ?? [])
        {
            var indexes = Enumerable.Range(0, Workload.Count).Where(i => Workload.ModelOf(i) == lane.Model).ToList();
            var finished = await _deployment.Results.FinishedAsync(BatchId, lane.Number, 0, lane.Count).WaitAsync(_stopped.Token);
            var now = _deployment.Witness.Now;
            lock (_durableAt)
            {
                for (var position = 0; position < lane.Count; position++)
                {
                    var key = Workload.Keys[indexes[position]];
                    if (finished[position])
                    {
                        _durableAt.TryAdd(key, now);
                    }
                    else if (_durableAt.Remove(key) && !MayForget)
                    {
                        _violations.Enqueue($"the result of {Workload.CustomId(indexes[position])} was stored and is gone");
                    }
                }
            }
        }
    }

    /// <summary>What the store holds of the batch, for the message of a failure.</summary>
    private async Task<string> StateAsync()
    {
        var database = _deployment.Connection.GetDatabase();
        var keys = new Storage.BatchKeys(BatchId);
        var record = await database.HashGetAllAsync(keys.Record);
        var pages = await database.HashGetAllAsync(keys.Pages);
        var saga = await database.HashGetAsync(keys.Saga, "document");
        var due = await database.SortedSetScoreAsync("batchbus:schedule", Id);
        return $"record {string.Join(' ', record)}; pages {string.Join(' ', pages)}; saga {saga}; due in {due - TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()} ms";
    }

    private string Describe(ModelCall call)
        => $"{Workload.CustomId(Workload.IndexByKey[call.Key])} by worker {call.Worker} at {call.Start.TotalSeconds:0.000} s (batch ended {_endedAt?.TotalSeconds:0.000})";

    private static string StatusOf(JsonElement batch) => batch.GetProperty("processing_status").GetString()!;

    private static string TypeOf(JsonElement result) => result.GetProperty("type").GetString()!;
}
