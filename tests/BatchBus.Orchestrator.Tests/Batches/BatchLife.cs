using System.Text;
using System.Text.Json;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using static BatchBus.Orchestrator.Tests.Batches.BatchLifeTests;

namespace BatchBus.Orchestrator.Tests.Batches;

/// <summary>One batch in one database, what is under way to it, and what must hold of it after every step.</summary>
internal sealed class BatchLife
{
    public static readonly TimeSpan Window = TimeSpan.FromHours(24);

    private const string Workspace = "acme";
    private const int MostRounds = 50;

    private static readonly TimeSpan Alive = PageStore.LongestLease;
    private static readonly string[] States = ["", "Pending", "InProgress", "Canceling", "Ended"];

    private readonly HeldBus _bus;
    private readonly Guid _id;
    private readonly List<object> _underWay = [];
    private readonly List<object> _arrived = [];
    private readonly List<ExecuteRequests> _pages = [];
    private readonly List<BatchEnded> _announcements = [];
    private readonly Dictionary<(int Lane, int Position), RequestOutcome> _results = [];
    private readonly int _unroutable;
    private BatchRecord _earlier;
    private string _state = "";
    private string? _ended;
    private bool _deleted;
    private BatchEndReason? _reason;

    private BatchLife(HeldBus bus, BatchRecord record)
    {
        _bus = bus;
        _id = record.BatchId;
        _earlier = record;
        _unroutable = record.Errored;
        _underWay.Add(record.Submitted());
    }

    /// <summary>How it ended, for a tally.</summary>
    public string Story => $"{_reason}{(_earlier.CancelInitiatedAt is null ? "" : ", a cancel was asked for")}";

    private bool IsOver => _deleted || (_ended is not null && _state == "Ended");

    public static async Task<BatchLife> BeginAsync(HeldBus bus, Script script)
    {
        // The picture of the fleet that an earlier life has left behind is out of date then.
        bus.Time.Advance(TimeSpan.FromSeconds(1));
        if (script.Slots > 0)
        {
            await bus.Fleet.ReportWorkerAsync("one", "worker", script.Slots);
            await bus.Fleet.ReportWorkerAsync("two", "worker", script.Slots);
        }

        var upload = await bus.Batches.BeginUploadAsync();
        foreach (var model in Enumerable.Repeat("one", script.Requests).Concat(Enumerable.Repeat("two", script.Others)).Concat(Enumerable.Repeat<string?>(null, script.Unroutable)))
        {
            await upload.AddAsync(
                model, yieldsToStage: false, new StoredRequest(upload.Count, $"request-{upload.Count}", 1, model is null ? "There is no such model." : "", "{}"u8.ToArray()));
        }

        return new BatchLife(bus, (await bus.Batches.CommitAsync(upload, Workspace, null, null, Window))!);
    }

    public async Task LiveAsync(Script script)
    {
        await TakeAllAsync(script.Steps);
        await AssertUsageAsync();
        await BringToItsEndAsync(script.Ending);
        await AssertUsageAsync();
        await TakeAllAsync(script.Late);
        await TakeAsync(new Delete());
        Assert.That(_deleted, "an ended batch can be deleted");
        await TakeAllAsync(script.AfterDeletion);
        await AssertUsageAsync();
        await AssertNothingIsLeftAsync();
    }

    private async Task TakeAllAsync(IEnumerable<Step> steps)
    {
        foreach (var step in steps)
        {
            await TakeAsync(step);
        }
    }

    /// <summary>Whatever has happened to it: messages that arrive, workers that work or time that passes, and a sweeper that looks bring a batch to its end.</summary>
    private async Task BringToItsEndAsync(BatchEndReason ending)
    {
        if (ending is BatchEndReason.Expired)
        {
            await TakeAsync(new Pass(Window));
        }

        if (ending is BatchEndReason.Canceled)
        {
            await TakeAsync(new Cancel());
        }

        var next = 0;
        for (var round = 0; !IsOver; round++)
        {
            Assert.That(round, Is.LessThan(MostRounds), "the batch does not end");
            while (_underWay.Count > 0 && !IsOver)
            {
                await TakeAsync(new Deliver(0));
            }

            while (ending is BatchEndReason.Completed && next < _pages.Count)
            {
                await TakeAsync(new Execute(next++, LeaveOut: 0, Errored: false));
            }

            if (_underWay.Count == 0)
            {
                await TakeAsync(new Pass(TimeSpan.FromSeconds(61)));
                await TakeAsync(new Visit());
            }
        }
    }

    private async Task TakeAsync(Step step)
    {
        if (!await ApplyAsync(step))
        {
            return;
        }

        foreach (var message in _bus.TakeHeld())
        {
            if (message is ExecuteRequests page)
            {
                _pages.Add(page);
            }
            else
            {
                _underWay.Add(message);
            }

            if (message is BatchEnded ending)
            {
                _announcements.Add(ending);
            }
        }

        try
        {
            await AssertAsync();
        }
        catch (AssertionException failure)
        {
            throw new AssertionException($"After {step}: {failure.Message}", failure);
        }
    }

    /// <summary>Takes a step; false where nothing that is stored can have changed.</summary>
    private async Task<bool> ApplyAsync(Step step)
    {
        switch (step)
        {
            case Deliver deliver when _underWay.Count > 0:
                var message = _underWay[deliver.Pick % _underWay.Count];
                _underWay.Remove(message);
                _arrived.Add(message);
                await _bus.DeliverAsync(message);
                return true;
            case DeliverAgain again when _arrived.Count > 0:
                await _bus.DeliverAsync(_arrived[again.Pick % _arrived.Count]);
                return true;
            case Execute execute when _pages.Count > 0:
                await ExecuteAsync(_pages[execute.Pick % _pages.Count], execute);
                return true;
            case ReportUnexecuted report when _pages.Count > 0:
                _underWay.Add(ReportOf(_pages[report.Pick % _pages.Count]));
                return false;
            case Lease lease when _pages.Count > 0:
                await _bus.Pages.LeaseAsync(PageOf(_pages[lease.Pick % _pages.Count]), "worker", lease.Lapses ? TimeSpan.Zero : Alive);
                return true;
            case Cancel:
                if (await _bus.Batches.CancelAsync(_id))
                {
                    _underWay.Add(new CancelBatch { BatchId = _id });
                }

                return true;
            case Pass pass:
                _bus.Time.Advance(pass.Time);
                return false;
            case Visit:
                await _bus.Visit.RunAsync(_id, CancellationToken.None);
                return true;
            case CloseAndCrash close:
                await CloseAsync(close);
                return true;
            case Delete when await _bus.Batches.FindAsync(_id) is { ClosedAt: not null } record:
                await _bus.Usage.RecordAsync(record);
                await _bus.Batches.DeleteAsync(record);
                _deleted = true;
                return true;
            default:
                return false;
        }
    }

    private async Task CloseAsync(CloseAndCrash close)
    {
        var reason = _earlier switch
        {
            _ when _ended is not null => close.Reason,
            { CancelInitiatedAt: not null } => BatchEndReason.Canceled,
            _ when _earlier.ExpiresAt <= _bus.Time.GetUtcNow() => BatchEndReason.Expired,
            _ => BatchEndReason.Completed,
        };
        var result = await _bus.Batches.CloseAsync(_id, reason, close.Force);
        if (_ended is not null)
        {
            Assert.That(result, Is.EqualTo(_deleted ? CloseResult.Gone : CloseResult.Closed));
        }
    }

    /// <summary>What a worker does with a page, however late: it stores what has no result yet, and reports once everything has one.</summary>
    private async Task ExecuteAsync(ExecuteRequests page, Execute execute)
    {
        var positions = Enumerable.Range(page.From, Math.Max(1, page.Count - execute.LeaveOut)).ToList();
        var status = await StoreAsync(page.Lane, positions, execute.Errored);
        if (status is StoreStatus.Taken)
        {
            var finished = await _bus.Results.FinishedAsync(_id, page.Lane, page.From, page.Count);
            Assert.That(finished, Is.EqualTo(Enumerable.Range(page.From, page.Count).Select(position => _results.ContainsKey((page.Lane, position)))), "what has a result");
            var rest = positions.Where(position => !finished[position - page.From]).ToList();
            if (rest.Count > 0)
            {
                status = await StoreAsync(page.Lane, rest, execute.Errored);
                Assert.That(status, Is.EqualTo(StoreStatus.Stored));
            }
        }

        if (_deleted || _ended is not null)
        {
            Assert.That(status, Is.EqualTo(_deleted ? StoreStatus.Gone : StoreStatus.Closed));
        }

        if (IsFinished(page))
        {
            _underWay.Add(ReportOf(page));
        }
    }

    private async Task<StoreStatus> StoreAsync(int lane, IReadOnlyList<int> positions, bool errored)
    {
        var outcome = errored ? RequestOutcome.Errored : RequestOutcome.Succeeded;
        var status = await _bus.Results.StoreAsync(new Page(_id, lane, 0, 1), "worker", [.. positions.Select(position => (position, ResultOf(lane, position, outcome)))]);
        if (status is StoreStatus.Stored)
        {
            foreach (var position in positions)
            {
                Assert.That(_results.TryAdd((lane, position), outcome), "a second result was stored");
            }
        }

        return status;
    }

    private StoredResult ResultOf(int lane, int position, RequestOutcome outcome)
    {
        var index = position + _earlier.Lanes.Where(other => other.Number < lane).Sum(other => other.Count);
        var line = outcome is RequestOutcome.Succeeded
            ? ResultLine.Succeeded($"request-{index}", Encoding.UTF8.GetBytes($$"""{"id":"{{Guid.NewGuid():N}}"}"""))
            : ResultLine.Errored($"request-{index}", "api_error", "It failed.", $"req_{Guid.NewGuid():N}");
        return new StoredResult(index, $"request-{index}", outcome, 10, 1, 5, 100, line);
    }

    private bool IsFinished(ExecuteRequests page) => Enumerable.Range(page.From, page.Count).All(position => _results.ContainsKey((page.Lane, position)));

    private static RequestsCompleted ReportOf(ExecuteRequests page)
        => new() { BatchId = page.BatchId, Model = page.Model, Lane = page.Lane, From = page.From, Count = page.Count, Requests = [] };

    private static Page PageOf(ExecuteRequests page) => new(page.BatchId, page.Lane, page.From, page.Count);

    private async Task AssertAsync()
    {
        var (finding, loading) = (_bus.Batches.FindAsync(_id), _bus.SagaAsync(_id));
        var (record, saga) = (await finding, await loading);
        if (_deleted)
        {
            Assert.That(record, Is.Null, "a deleted batch is back");
            Assert.That(saga, Is.Null, "the saga of a deleted batch is back");
            return;
        }

        if (record is null)
        {
            throw new AssertionException("The batch is gone.");
        }

        AssertCounts(record);
        AssertForward(record, saga?.CurrentState ?? "");
        if (record.ClosedAt is not null)
        {
            var contents = await ContentsAsync(record);
            _ended ??= contents;
            _reason ??= record.Reason;
            Assert.That(contents, Is.EqualTo(_ended), "an ended batch changed");
        }

        Assert.That(
            _announcements.Select(ending => ((DateTimeOffset?)ending.EndedAt, (BatchEndReason?)ending.Reason, ending.Counts)),
            Is.All.EqualTo((record.ClosedAt, record.Reason, record.FinalCounts)),
            "what is announced is how it ended");
        _earlier = record;
    }

    private void AssertCounts(BatchRecord record)
    {
        Assert.That(
            (record.Succeeded, record.Errored, record.Unfinished),
            Is.EqualTo((
                _results.Values.Count(outcome => outcome is RequestOutcome.Succeeded),
                _results.Values.Count(outcome => outcome is RequestOutcome.Errored) + _unroutable,
                record.Total - _results.Count - _unroutable)),
            "each first result counts once");
        Assert.That(record.Tallies.Sum(tally => tally.OutputTokens), Is.EqualTo(5 * _results.Count), "and so does its usage");
        if (record.Reason is { } reason)
        {
            var counts = record.FinalCounts;
            Assert.That(counts.Succeeded + counts.Errored + counts.Canceled + counts.Expired, Is.EqualTo(record.Total));
            Assert.That(reason is BatchEndReason.Completed, Is.EqualTo(record.Unfinished == 0));
            Assert.That(reason is not BatchEndReason.Canceled || record.CancelInitiatedAt is not null, "nobody canceled it");
            Assert.That(reason is not BatchEndReason.Expired || record.ClosedAt >= record.ExpiresAt, "it had time left");
        }
    }

    /// <summary>Whoever died and repeated what, the workspace's usage is that of the first results; deleting takes nothing away.</summary>
    private async Task AssertUsageAsync()
    {
        var (from, to) = (DateOnly.FromDateTime(_earlier.CreatedAt.UtcDateTime), DateOnly.FromDateTime(_bus.Time.GetUtcNow().UtcDateTime));
        var used = LaneTally.Sum((await _bus.Usage.ReadAsync(Workspace, from, to, ["one", "two"])).Select(day => day.Tally));
        var succeeded = _results.Values.Count(outcome => outcome is RequestOutcome.Succeeded);
        Assert.That(
            used,
            Is.EqualTo(new LaneTally(
                succeeded, _results.Count - succeeded, 10 * _results.Count, _results.Count, 5 * _results.Count, TimeSpan.FromMicroseconds(100 * _results.Count))),
            $"usage {(_deleted ? "once the batch is deleted" : $"in the state '{_state}'")}");
    }

    private void AssertForward(BatchRecord record, string state)
    {
        Assert.That((record.Submitted(), record.Lanes.Count), Is.EqualTo((_earlier.Submitted(), _earlier.Lanes.Count)));
        Assert.That(_earlier.CancelInitiatedAt is null || record.CancelInitiatedAt == _earlier.CancelInitiatedAt, "the cancel changed");
        Assert.That(_earlier.ClosedAt is null || (record.ClosedAt, record.Reason) == (_earlier.ClosedAt, _earlier.Reason), "the end changed");
        Assert.That(record.Announced || !_earlier.Announced, "the announcement is forgotten");
        Assert.That(Array.IndexOf(States, state), Is.AtLeast(Array.IndexOf(States, _state)), $"from {_state} to {state}");
        Assert.That(state != "Ended" || record.ClosedAt is not null, "the saga ended and the record is open");
        _state = state;
    }

    /// <summary>All that anybody may see of an ended batch; its lines are one for each request, and as many of each kind as its counts say.</summary>
    private async Task<string> ContentsAsync(BatchRecord record)
    {
        var contents = new StringBuilder();
        await foreach (var line in _bus.Results.LinesAsync(record, CancellationToken.None))
        {
            contents.Append(Encoding.UTF8.GetString(line.Span));
        }

        if (_ended is null)
        {
            var lines = contents.ToString().TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToList();
            Assert.That(lines.Select(line => line.GetProperty("custom_id").GetString()), Is.EqualTo(Enumerable.Range(0, record.Total).Select(index => $"request-{index}")));
            var counts = record.FinalCounts;
            Assert.That(
                new[] { "succeeded", "errored", "canceled", "expired" }.Select(type => lines.Count(line => line.GetProperty("result").GetProperty("type").GetString() == type)),
                Is.EqualTo(new[] { counts.Succeeded, counts.Errored, counts.Canceled, counts.Expired }));
        }

        return contents.Append(record.CreatedAt).Append(record.ExpiresAt).Append(record.CancelInitiatedAt).Append(record.ClosedAt).Append(record.Reason)
            .AppendJoin(';', record.Tallies).ToString();
    }

    /// <summary>Nothing that carries the batch's id stays; a mark that lapses by itself may.</summary>
    private async Task AssertNothingIsLeftAsync()
    {
        Assert.That((await _bus.Batches.ListAsync(Workspace, null, null, 10)).Batches, Is.Empty);
        var database = _bus.Redis.GetDatabase();
        await foreach (var key in _bus.Redis.GetServers()[0].KeysAsync(database.Database, $"*{BatchId.Format(_id)}*"))
        {
            Assert.That(await database.KeyTimeToLiveAsync(key), Is.Not.Null, $"{key} is back");
        }
    }
}
