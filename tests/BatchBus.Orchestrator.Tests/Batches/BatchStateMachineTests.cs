using System.Runtime.CompilerServices;
using BatchBus.Contracts;
using BatchBus.Orchestrator.Batches;
using MassTransit;

namespace BatchBus.Orchestrator.Tests.Batches;

/// <summary>
/// Every state meets every event, and each meeting has its decided effect. The list of meetings is the machine's own, so a state or an
/// event that is added without a decision here fails by its name.
/// </summary>
public sealed class BatchStateMachineTests
{
    /// <summary>What must follow, by "state/event". Final is left out: nothing is stored in it.</summary>
    private static readonly Dictionary<string, Func<Meeting, Task>> Decisions = new()
    {
        ["Initial/BatchSubmitted"] = meeting => meeting.ActsAsync("Pending", pages: 2),
        ["Initial/RequestsCompleted"] = meeting => meeting.IsIgnoredAsync("a saga begins with its submission, which the sweeper repeats"),
        ["Initial/CancelBatch"] = meeting => meeting.IsIgnoredAsync("the cancel is in the record, where the saga finds it once it begins"),
        ["Initial/ReconcileBatch"] = meeting => meeting.IsIgnoredAsync("a saga begins with its submission, which the sweeper repeats"),
        ["Initial/BatchEnded"] = meeting => meeting.IsIgnoredAsync("the saga was deleted with its batch"),

        ["Pending/BatchSubmitted"] = meeting => meeting.ReemitsPagesAsync(2),
        ["Pending/RequestsCompleted"] = meeting => meeting.ActsAsync("InProgress", pages: 1),
        ["Pending/CancelBatch"] = meeting => meeting.ActsAsync("Canceling", pages: 0),
        ["Pending/ReconcileBatch"] = meeting => meeting.IsIgnoredAsync("nothing is due, and the window is full"),
        ["Pending/BatchEnded"] = meeting => meeting.IsIgnoredAsync("the saga is back before its end and comes to it again"),

        ["InProgress/BatchSubmitted"] = meeting => meeting.ReemitsPagesAsync(1),
        ["InProgress/RequestsCompleted"] = meeting => meeting.ActsAsync("InProgress", pages: 1),
        ["InProgress/CancelBatch"] = meeting => meeting.ActsAsync("Canceling", pages: 0),
        ["InProgress/ReconcileBatch"] = meeting => meeting.IsIgnoredAsync("nothing is due, and the window is full"),
        ["InProgress/BatchEnded"] = meeting => meeting.IsIgnoredAsync("the saga is back before its end and comes to it again"),

        ["Canceling/BatchSubmitted"] = meeting => meeting.IsIgnoredAsync("its pages are not executed any more"),
        ["Canceling/RequestsCompleted"] = meeting => meeting.ActsAsync("Canceling", pages: 0),
        ["Canceling/CancelBatch"] = meeting => meeting.IsIgnoredAsync("a worker may still deliver results"),
        ["Canceling/ReconcileBatch"] = meeting => meeting.IsIgnoredAsync("a worker may still deliver results"),
        ["Canceling/BatchEnded"] = meeting => meeting.IsIgnoredAsync("the saga is back before its end and comes to it again"),

        ["Ended/CancelBatch"] = meeting => meeting.ComesTooLateAsync(),
        ["Ended/BatchSubmitted"] = meeting => meeting.ReemitsTheEndAsync(),
        ["Ended/RequestsCompleted"] = meeting => meeting.ReemitsTheEndAsync(),
        ["Ended/ReconcileBatch"] = meeting => meeting.ReemitsTheEndAsync(),
        ["Ended/BatchEnded"] = meeting => meeting.RecordsTheAnnouncementAsync(),
    };

    private static readonly BatchStateMachine Machine = new((BatchExecution)RuntimeHelpers.GetUninitializedObject(typeof(BatchExecution)));

    public static IEnumerable<TestCaseData> Cells() =>
        from state in Machine.States
        where state.Name != "Final"
        from happening in Machine.Events
        where happening.Name != $"{state.Name}.Enter" && !Machine.States.Any(other => happening.Name.StartsWith(other.Name + ".", StringComparison.Ordinal))
        select new TestCaseData(state.Name, happening.Name).SetArgDisplayNames(state.Name, happening.Name);

    [TestCaseSource(nameof(Cells))]
    public async Task Every_state_decides_every_event(string state, string happening)
    {
        Assert.That(Decisions, Does.ContainKey($"{state}/{happening}"), "this meeting of a state and an event is not decided");
        await using var meeting = await Meeting.PrepareAsync(state, happening);
        await Decisions[$"{state}/{happening}"](meeting);
    }

    [Test]
    public void No_decision_is_about_a_state_or_an_event_that_is_gone()
        => Assert.That(Decisions.Keys, Is.EquivalentTo(Cells().Select(cell => string.Join('/', cell.Arguments))));

    [Test]
    public void The_machine_itself_names_an_event_in_every_state_that_acts_upon_it() => Assert.That(
        Machine.NextEvents(Machine.GetState("Ended")).Select(happening => happening.Name),
        Is.SupersetOf(new[] { "BatchSubmitted", "RequestsCompleted", "ReconcileBatch", "BatchEnded" }));

    /// <summary>A batch of four pages of one request, of which the window lets two out, in a state; and the event that it meets.</summary>
    private sealed class Meeting : IAsyncDisposable
    {
        private readonly OrchestratorBus _bus;
        private readonly Guid _batchId;
        private readonly object _event;
        private int _sentBefore;
        private int _endedBefore;

        private Meeting(OrchestratorBus bus, Guid batchId, object happening)
        {
            _bus = bus;
            _batchId = batchId;
            _event = happening;
        }

        public static async Task<Meeting> PrepareAsync(string state, string happening)
        {
            var bus = await OrchestratorBus.StartAsync();
            bus.Dispatch.MaxPageSize = 1;
            await bus.ReportWorkerAsync("w", slots: 1);
            var record = await bus.BatchAsync(4);
            if (state != "Initial")
            {
                await bus.HandleAsync(record.Submitted());
            }

            if (state == "InProgress")
            {
                await bus.CompleteAsync(bus.Sent[0]);
            }

            if (happening == "CancelBatch" && state is "Pending" or "InProgress" || state == "Canceling")
            {
                await bus.LeaseAsync(record.BatchId, bus.Sent[^1]);
                await bus.Batches.CancelAsync(record.BatchId);
            }

            if (state == "Canceling")
            {
                await bus.HandleAsync(new CancelBatch { BatchId = record.BatchId });
            }

            if (state == "Ended")
            {
                await bus.CompleteAllAsync();
                if (happening == "BatchEnded")
                {
                    await bus.Database.HashDeleteAsync(new Storage.BatchKeys(record.BatchId).Record, "announced");
                    await bus.Schedule.SetAsync(record.BatchId, TimeSpan.FromHours(1));
                }
            }

            Assert.That((await bus.SagaAsync(record.BatchId))?.CurrentState ?? "Initial", Is.EqualTo(state), "the preparation led elsewhere");
            return new Meeting(bus, record.BatchId, happening switch
            {
                "BatchSubmitted" => record.Submitted(),
                "RequestsCompleted" => await ReportAsync(bus, record.BatchId, state),
                "CancelBatch" => new CancelBatch { BatchId = record.BatchId },
                "ReconcileBatch" => new ReconcileBatch { BatchId = record.BatchId },
                "BatchEnded" => Ending(record.BatchId),
                _ => throw new ArgumentOutOfRangeException(nameof(happening), happening, "No message is made for this event."),
            });
        }

        public async Task ActsAsync(string next, int pages)
        {
            await MeetAsync();
            using (Assert.EnterMultipleScope())
            {
                Assert.That((await _bus.SagaAsync(_batchId))!.CurrentState, Is.EqualTo(next));
                Assert.That(_bus.Sent, Has.Count.EqualTo(_sentBefore + pages));
                Assert.That(_bus.Sent.Distinct().Count(), Is.EqualTo(_bus.Sent.Count), "a page that is released is a new one");
            }
        }

        public async Task ReemitsPagesAsync(int pages)
        {
            var before = await _bus.SagaAsync(_batchId);
            await MeetAsync();
            using (Assert.EnterMultipleScope())
            {
                Assert.That((await _bus.SagaAsync(_batchId))!.Outstanding, Is.EqualTo(before!.Outstanding));
                Assert.That(_bus.Sent.Skip(_sentBefore).Count(), Is.EqualTo(pages));
                Assert.That(_bus.Sent.Take(2), Is.SupersetOf(_bus.Sent.Skip(_sentBefore)), "only the submission's own pages are sent again");
            }
        }

        public async Task ReemitsTheEndAsync()
        {
            await MeetAsync();
            using (Assert.EnterMultipleScope())
            {
                Assert.That(_bus.Ended, Has.Count.EqualTo(_endedBefore + 1));
                Assert.That(_bus.Ended.Distinct().Count(), Is.EqualTo(1), "an ended batch never changes");
                Assert.That(_bus.Sent, Has.Count.EqualTo(_sentBefore));
            }
        }

        public async Task ComesTooLateAsync()
        {
            await MeetAsync();
            Assert.That((await _bus.SagaAsync(_batchId))!.CurrentState, Is.EqualTo("Ended"));
            Assert.That(_bus.Ended, Has.Count.EqualTo(_endedBefore), "how it ended stays, and is not announced again");
        }

        public async Task RecordsTheAnnouncementAsync()
        {
            await MeetAsync();
            using (Assert.EnterMultipleScope())
            {
                Assert.That((await _bus.RecordAsync(_batchId)).Announced);
                Assert.That(await _bus.Schedule.AllAsync(), Has.Member(_batchId), "it is still to be archived");
                Assert.That(_bus.Ended, Has.Count.EqualTo(_endedBefore + 1), "the announcement that came back is not announced again");
            }
        }

        public async Task IsIgnoredAsync(string because)
        {
            var before = await _bus.SagaAsync(_batchId);
            await MeetAsync();
            var after = await _bus.SagaAsync(_batchId);
            using (Assert.EnterMultipleScope())
            {
                Assert.That(after?.CurrentState, Is.EqualTo(before?.CurrentState), because);
                Assert.That(after?.Outstanding, Is.EqualTo(before?.Outstanding), because);
                Assert.That(_bus.Sent, Has.Count.EqualTo(_sentBefore), because);
                Assert.That(_bus.Ended.Where(ended => !ReferenceEquals(ended, _event)), Is.Empty, because);
            }
        }

        public ValueTask DisposeAsync() => _bus.DisposeAsync();

        private async Task MeetAsync()
        {
            (_sentBefore, _endedBefore) = (_bus.Sent.Count, _bus.Ended.Count);
            await (_event switch
            {
                BatchSubmitted submitted => _bus.HandleAsync(submitted),
                RequestsCompleted completed => _bus.HandleAsync(completed),
                CancelBatch cancel => _bus.HandleAsync(cancel),
                ReconcileBatch reconcile => _bus.HandleAsync(reconcile),
                BatchEnded ended => _bus.HandleAsync(ended),
                _ => throw new InvalidOperationException("No such message."),
            });
        }

        private static BatchEnded Ending(Guid batchId) => new()
        {
            BatchId = batchId,
            Workspace = "acme",
            Reason = BatchEndReason.Completed,
            Counts = new BatchCounts { Succeeded = 4, Errored = 0, Canceled = 0, Expired = 0 },
            EndedAt = DateTimeOffset.UnixEpoch,
        };

        private static async Task<RequestsCompleted> ReportAsync(OrchestratorBus bus, Guid batchId, string state) => state switch
        {
            "Initial" => new RequestsCompleted { BatchId = batchId, Model = bus.Model, Lane = 0, From = 0, Count = 1, Requests = [] },
            _ => await bus.ExecuteAsync(bus.Sent[state == "InProgress" ? 1 : 0]),
        };
    }
}
