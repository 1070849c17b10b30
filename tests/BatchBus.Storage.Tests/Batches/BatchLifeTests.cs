using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Results;
using CsCheck;

namespace BatchBus.Storage.Tests.Batches;

/// <summary>Random lives of a batch, one step after the other against a model, and several at once against what must always hold.</summary>
public sealed class BatchLifeTests(StoreServer server) : StoreFixture(server)
{
    private const int PageSize = 4;
    private const int PageCount = 3;
    private const int RequestCount = PageSize * PageCount;

    private static readonly TimeSpan Alive = PageStore.LongestLease;
    private static readonly string[] Owners = ["one", "two"];

    private static readonly Gen<int> AnyPage = Gen.Int[0, PageCount - 1];
    private static readonly Gen<string> AnyOwner = Gen.OneOf(Owners);

    private static readonly Gen<Step> Steps = Gen.Frequency<Step>(
        (6, Gen.Select(AnyPage, AnyOwner, Gen.Bool).Select(Step (page, owner, lapses) => new Lease(page, owner, lapses))),
        (6, Gen.Select(Gen.Int[0, RequestCount - 1], Gen.Int[1, 6], Gen.Bool).Select(Step (from, count, errored) => new Store(from, Math.Min(count, RequestCount - from), errored))),
        (3, Gen.Select(AnyOwner, Gen.Bool).Select(Step (owner, lapses) => new Renew(owner, lapses))),
        (3, Gen.Select(AnyPage, AnyOwner, Gen.Bool, Gen.Bool).Select(Step (page, owner, rests, endpointFailed) => new Defer(page, owner, rests, endpointFailed))),
        (1, AnyPage.Select(Step (page) => new Requeue(page))),
        (1, Gen.Const<Step>(new Cancel())),
        (1, Gen.Select(Gen.OneOf(BatchEndReason.Completed, BatchEndReason.Canceled, BatchEndReason.Expired), Gen.Bool).Select(Step (reason, force) => new Close(reason, force))));

    [Test]
    public Task Every_step_does_what_the_model_says_and_an_ended_batch_never_changes()
        => Steps.Array[1, 60].SampleAsync(
            async steps =>
            {
                var record = await BatchAsync(RequestCount);
                var model = new Model();
                var earlier = record;
                string? ended = null;
                foreach (var step in steps)
                {
                    var expected = model.Apply(step);

                    Assert.That(await ApplyAsync(record.BatchId, step), Is.EqualTo(expected), $"answer to {step}");

                    var now = (await Batches.FindAsync(record.BatchId))!;
                    AssertNeverGoesBack(earlier, now);
                    Assert.That((now.Succeeded, now.Errored, now.Reason), Is.EqualTo((model.Succeeded, model.Errored, model.Reason)), $"counts after {step}");
                    if (now.ClosedAt is not null)
                    {
                        var contents = await EndedContentsAsync(now);
                        ended ??= contents;
                        Assert.That(contents, Is.EqualTo(ended), $"the ended batch changed at {step}");
                    }

                    earlier = now;
                }
            },
            iter: 150,
            print: steps => string.Join(Environment.NewLine, steps.AsEnumerable()));

    [Test]
    public Task However_steps_of_several_workers_and_sweepers_interleave_counts_sum_to_the_total_and_nothing_goes_back()
        => Steps.Array[5, 40].Array[2, 4].SampleAsync(
            async workers =>
            {
                var record = await BatchAsync(RequestCount);
                var endings = new System.Collections.Concurrent.ConcurrentBag<string>();
                var working = Task.WhenAll(workers.Select(steps => Task.Run(async () =>
                {
                    foreach (var step in steps)
                    {
                        await ApplyAsync(record.BatchId, step);
                        if (await Batches.FindAsync(record.BatchId) is { ClosedAt: not null } closed)
                        {
                            endings.Add(await EndedContentsAsync(closed));
                        }
                    }
                })));

                var earlier = record;
                do
                {
                    var now = (await Batches.FindAsync(record.BatchId))!;
                    AssertNeverGoesBack(earlier, now);
                    earlier = now;
                }
                while (!working.IsCompleted);
                await working;

                Assert.That(await Batches.CloseAsync(record.BatchId, BatchEndReason.Canceled, force: true), Is.EqualTo(CloseResult.Closed));
                var last = (await Batches.FindAsync(record.BatchId))!;
                AssertNeverGoesBack(earlier, last);
                Assert.That(endings, Is.All.EqualTo(await EndedContentsAsync(last)));
                var stored = await Results.ReadAsync(record.BatchId, 0, 0, RequestCount);
                Assert.That(stored.Select(entry => entry.Position), Is.Unique);
                Assert.That(
                    (stored.Count(entry => entry.Result.Outcome is RequestOutcome.Succeeded), stored.Count(entry => entry.Result.Outcome is RequestOutcome.Errored)),
                    Is.EqualTo((last.Succeeded, last.Errored)));
            },
            iter: 40);

    private static void AssertNeverGoesBack(BatchRecord earlier, BatchRecord now)
    {
        var counts = now.FinalCounts;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(now.Submitted(), Is.EqualTo(earlier.Submitted()));
            Assert.That(now.Succeeded, Is.GreaterThanOrEqualTo(earlier.Succeeded));
            Assert.That(now.Errored, Is.GreaterThanOrEqualTo(earlier.Errored));
            Assert.That(now.Unfinished, Is.Not.Negative);
            Assert.That(now.CancelInitiatedAt is not null || earlier.CancelInitiatedAt is null, "the cancel is gone");
            Assert.That(now.ClosedAt is null, Is.EqualTo(now.Reason is null));
            if (earlier.ClosedAt is not null)
            {
                Assert.That((now.ClosedAt, now.Reason, counts), Is.EqualTo((earlier.ClosedAt, earlier.Reason, earlier.FinalCounts)));
            }

            if (now.ClosedAt is not null)
            {
                Assert.That(counts.Succeeded + counts.Errored + counts.Canceled + counts.Expired, Is.EqualTo(RequestCount));
            }
        }
    }

    /// <summary>Everything of an ended batch that anybody may see: its counts, and every line of its results.</summary>
    private async Task<string> EndedContentsAsync(BatchRecord ended)
    {
        var contents = new System.Text.StringBuilder().Append(ended.FinalCounts).Append(ended.ClosedAt).AppendJoin(';', ended.Tallies).AppendLine();
        await foreach (var line in Results.LinesAsync(ended, CancellationToken.None))
        {
            contents.Append(System.Text.Encoding.UTF8.GetString(line.Span));
        }

        return contents.ToString();
    }

    private static Page PageOf(Guid batchId, int page) => new(batchId, 0, page * PageSize, PageSize);

    /// <summary>Takes a step; returns what the store answered, as <see cref="Model.Apply"/> foretells it.</summary>
    private async Task<object?> ApplyAsync(Guid batchId, Step step)
    {
        switch (step)
        {
            case Lease lease:
                var answer = await Pages.LeaseAsync(PageOf(batchId, lease.Page), lease.Owner, lease.Lapses ? TimeSpan.Zero : Alive);
                return (answer.Status, answer.Attempt);
            case Store store:
                return await Results.StoreAsync(new Page(batchId, 0, 0, 1), "tests", [.. store.Positions.Select(position => (
                    position, Result(position, store.Errored ? RequestOutcome.Errored : RequestOutcome.Succeeded, store.ToString())))]);
            case Renew renew:
                var renewal = await Pages.RenewAsync(
                    batchId, [.. Enumerable.Range(0, PageCount).Select(page => PageOf(batchId, page))], renew.Owner, renew.Lapses ? TimeSpan.Zero : Alive);
                return (renewal.Open, string.Join(',', renewal.Renewed));
            case Defer defer:
                await Pages.DeferAsync(PageOf(batchId, defer.Page), defer.Owner, defer.Rests ? Alive : TimeSpan.Zero, defer.EndpointFailed);
                return null;
            case Requeue requeue:
                var requeued = PageOf(batchId, requeue.Page);
                await Pages.MarkRequeuedAsync(requeued, (await Pages.ReadAsync(batchId)).Entries.GetValueOrDefault(requeued.Name), Alive);
                return null;
            case Cancel:
                await CancelAsync(batchId);
                return null;
            case Close close:
                return await Batches.CloseAsync(batchId, close.Reason, close.Force);
            default:
                throw new InvalidOperationException($"Unknown step {step}.");
        }
    }

    private abstract record Step;

    private sealed record Lease(int Page, string Owner, bool Lapses) : Step;

    private sealed record Store(int From, int Count, bool Errored) : Step
    {
        public IEnumerable<int> Positions => Enumerable.Range(From, Count);
    }

    private sealed record Renew(string Owner, bool Lapses) : Step;

    private sealed record Defer(int Page, string Owner, bool Rests, bool EndpointFailed) : Step;

    private sealed record Requeue(int Page) : Step;

    private sealed record Cancel : Step;

    private sealed record Close(BatchEndReason Reason, bool Force) : Step;

    /// <summary>What the store promises, without a clock: a lease or a deferral either lives for long or has lapsed already.</summary>
    private sealed class Model
    {
        private readonly Dictionary<int, Entry> _pages = [];
        private readonly Dictionary<int, bool> _errored = [];
        private bool _canceled;

        public BatchEndReason? Reason { get; private set; }

        public int Succeeded => _errored.Values.Count(errored => !errored);

        public int Errored => _errored.Values.Count(errored => errored);

        public object? Apply(Step step)
        {
            switch (step)
            {
                case Lease lease:
                    return Apply(lease);
                case Store when Reason is not null:
                    return StoreStatus.Closed;
                case Store store when store.Positions.Any(_errored.ContainsKey):
                    return StoreStatus.Taken;
                case Store store:
                    foreach (var position in store.Positions)
                    {
                        _errored[position] = store.Errored;
                    }

                    return StoreStatus.Stored;
                case Renew when Reason is not null:
                    return (false, string.Join(',', Enumerable.Repeat(false, PageCount)));
                case Renew renew:
                    return (!_canceled, string.Join(',', Enumerable.Range(0, PageCount).Select(page => TryReplace(
                        page, renew.Owner, entry => entry with { Lives = !renew.Lapses }))));
                case Defer defer:
                    TryReplace(defer.Page, defer.Owner, entry => new Entry(null, defer.Rests, entry.Attempt - (defer.EndpointFailed ? 1 : 0)));
                    return null;
                case Requeue requeue:
                    _pages[requeue.Page] = new Entry(null, Lives: false, _pages.GetValueOrDefault(requeue.Page)?.Attempt ?? 0);
                    return null;
                case Cancel:
                    _canceled = true;
                    return null;
                case Close close:
                    return Apply(close);
                default:
                    throw new InvalidOperationException($"Unknown step {step}.");
            }
        }

        private (PageLeaseStatus Status, int Attempt) Apply(Lease lease)
        {
            if (Reason is not null)
            {
                return (PageLeaseStatus.Closed, 0);
            }

            if (Enumerable.Range(lease.Page * PageSize, PageSize).All(_errored.ContainsKey))
            {
                return (PageLeaseStatus.Finished, 0);
            }

            if (_canceled)
            {
                return (PageLeaseStatus.Canceling, 0);
            }

            var entry = _pages.GetValueOrDefault(lease.Page);
            if (entry is { Lives: true })
            {
                return (PageLeaseStatus.Taken, 0);
            }

            var attempt = (entry?.Attempt ?? 0) + 1;
            _pages[lease.Page] = new Entry(lease.Owner, !lease.Lapses, attempt);
            return (PageLeaseStatus.Leased, attempt);
        }

        private CloseResult Apply(Close close)
        {
            if (Reason is null && _errored.Count < RequestCount)
            {
                if (close.Reason is BatchEndReason.Completed)
                {
                    return CloseResult.Unfinished;
                }

                if (!close.Force && _pages.Values.Any(entry => entry is { Owner: not null, Lives: true }))
                {
                    return CloseResult.Leased;
                }
            }

            Reason ??= _errored.Count == RequestCount ? BatchEndReason.Completed : close.Reason;
            return CloseResult.Closed;
        }

        private bool TryReplace(int page, string owner, Func<Entry, Entry> replacement)
        {
            if (_pages.GetValueOrDefault(page) is not { } entry || entry.Owner != owner)
            {
                return false;
            }

            _pages[page] = replacement(entry);
            return true;
        }

        /// <param name="Owner">Who leased the page; null where it is deferred or queued.</param>
        /// <param name="Lives">Whether the lease or the deferral is in force.</param>
        /// <param name="Attempt">Attempts that count.</param>
        private sealed record Entry(string? Owner, bool Lives, int Attempt);
    }
}
