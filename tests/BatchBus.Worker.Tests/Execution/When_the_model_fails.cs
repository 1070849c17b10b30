using BatchBus.Contracts;
using BatchBus.Inference;
using BatchBus.TestServers;
using Microsoft.Extensions.Time.Testing;

namespace BatchBus.Worker.Tests.Execution;

public sealed class When_the_model_fails
{
    private FakeTimeProvider _time = null!;
    private WorkerHost _worker = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        _worker = await WorkerHost.StartAsync(slots: 1, time: _time);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await LetTimePassUntilAsync(_worker.DisposeAsync().AsTask(), "the worker stopped");
    }

    [TestCase(InferenceError.RateLimited)]
    [TestCase(InferenceError.Unreachable)]
    [TestCase(InferenceError.Unavailable)]
    [TestCase(InferenceError.EngineDown)]
    [TestCase(InferenceError.Unauthorized)]
    public async Task Should_try_again_as_often_as_it_takes_when_the_endpoint_is_to_blame(InferenceError error)
    {
        // Others succeed on the endpoint all the while: even so no attempt is used up.
        _worker.Model.Answer = (index, attempt, _) => Task.FromResult(
            index == 0 && attempt <= 6 ? new InferenceOutcome.Failed(error, "down") : FakeModel.Success);
        var record = await _worker.BatchAsync(8);
        await _worker.SendAsync(record, 0, 1);
        for (var other = 1; other <= 7; other++)
        {
            await LetTimePassUntilAsync(() => _worker.Model.Calls.Count(index => index == 0) >= Math.Min(other, 6), "request 0 was tried again");
            await _worker.SendAsync(record, other, 1);
            await LetTimePassUntilAsync(() => _worker.Reports.Any(report => report.From == other), "another request succeeded");
        }

        await LetTimePassUntilAsync(() => _worker.Reports.Count == 8, "all is reported");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_worker.Reports.SelectMany(report => report.Requests).Select(request => request.Outcome), Is.All.EqualTo(RequestOutcome.Succeeded));
            Assert.That(_worker.Model.Calls.Count(index => index == 0), Is.EqualTo(7));
        }
    }

    [Test]
    public async Task Should_try_an_endpoint_at_once_that_was_stopped_before_the_worker_started()
    {
        await _worker.Endpoints.OpenAsync(WorkerHost.ModelName, isStopped: true, "Unauthorized: HTTP 401");
        var started = await WorkerHost.StartAsync(slots: 1, time: _time);
        try
        {
            var record = await started.BatchAsync(1);

            await started.SendAsync(record, 0, 1);
            await started.CalledAsync(1);

            Assert.That(await _worker.Endpoints.OutageAsync(WorkerHost.ModelName), Is.Null, "no alarm is left of before");
        }
        finally
        {
            await LetTimePassUntilAsync(started.DisposeAsync().AsTask(), "the second worker stopped");
        }
    }

    [Test]
    public async Task Should_note_the_last_failure_until_the_page_is_reported()
    {
        _worker.Model.Answer = (index, attempt, _) => Task.FromResult(
            index == 1 && attempt <= 2 ? new InferenceOutcome.Failed(InferenceError.Unavailable, $"down {attempt}") : FakeModel.Success);
        var record = await _worker.BatchAsync(2);

        await _worker.SendAsync(record, 0, 2);
        await LetTimePassUntilAsync(() => _worker.Model.Calls.Count(index => index == 1) >= 2, "it was called for again");
        await Eventually.ThatAsync(async () => (await _worker.EntriesAsync(record)).GetValueOrDefault("failure:0:1") == "2 Unavailable: down 2", "the failure is noted");

        await LetTimePassUntilAsync(() => _worker.Reports.Count == 1, "the page is reported");
        await Eventually.ThatAsync(async () => (await _worker.EntriesAsync(record)).Count == 0, "nothing of it is left");
    }

    [Test]
    public async Task Should_give_its_slot_back_while_it_waits()
    {
        _worker.Model.Answer = (index, attempt, _) => Task.FromResult(
            index == 0 && attempt == 1 ? new InferenceOutcome.Failed(InferenceError.Unavailable, "down") : FakeModel.Success);
        var record = await _worker.BatchAsync(3);

        await _worker.SendAsync(record, 0, 3);
        await _worker.CalledAsync(3);

        Assert.That(_worker.Model.Calls, Is.EqualTo(new[] { 0, 1, 2 }), "with one slot and a clock that stands still, the others had their turn");
        await LetTimePassUntilAsync(() => _worker.Reports.Count == 1, "the page is reported");
        Assert.That(_worker.Model.Calls, Is.EqualTo(new[] { 0, 1, 2, 0 }));
    }

    [Test]
    public async Task Should_end_errored_after_five_attempts_while_others_succeed()
    {
        using var others = new SemaphoreSlim(0);
        await LetTimePassUntilAsync(_worker.DisposeAsync().AsTask(), "the worker with one slot stopped");
        _worker = await WorkerHost.StartAsync(slots: 8, time: _time);
        var record = await _worker.BatchAsync(8);
        var gate = _worker.Worker.Endpoints.Gates[0];
        _worker.Model.Answer = async (index, _, cancellationToken) =>
        {
            if (index != 0)
            {
                await others.WaitAsync(cancellationToken);
                return FakeModel.Success;
            }

            var before = gate.Successes;
            others.Release();
            await Eventually.ThatAsync(() => gate.Successes > before, "another call of the endpoint succeeds before this one fails", cancellationToken: CancellationToken.None);
            return new InferenceOutcome.Failed(InferenceError.ServerError, "HTTP 500");
        };

        await _worker.SendAsync(record, 0, 8);
        await LetTimePassUntilAsync(() => _worker.Model.Calls.Count(index => index == 0) == 5, "the request was tried");
        others.Release(8);
        await LetTimePassUntilAsync(() => _worker.Reports.Count == 1, "the page is reported");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_worker.Model.Calls.Count(index => index == 0), Is.EqualTo(5));
            Assert.That(_worker.Reports[0].Requests.Select(request => request.Outcome), Is.EqualTo(new[] { RequestOutcome.Errored }.Concat(Enumerable.Repeat(RequestOutcome.Succeeded, 7))));
            Assert.That(System.Text.Encoding.UTF8.GetString((await _worker.StoredAsync(record))[0].Line.Span), Does.Contain("\"api_error\"").And.Contain("5 times"));
        }
    }

    [Test]
    public async Task Should_use_up_no_attempt_while_nothing_succeeds()
    {
        _worker.Model.Answer = (_, attempt, _) => Task.FromResult(
            attempt <= 12 ? new InferenceOutcome.Failed(InferenceError.ServerError, "HTTP 500") : FakeModel.Success);
        var record = await _worker.BatchAsync(1);

        await _worker.SendAsync(record, 0, 1);
        await LetTimePassUntilAsync(() => _worker.Reports.Count == 1, "the page is reported");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_worker.Model.Calls, Has.Count.EqualTo(13));
            Assert.That(_worker.Reports[0].Requests[0].Outcome, Is.EqualTo(RequestOutcome.Succeeded));
        }
    }

    [Test]
    public async Task Should_let_go_of_a_canceled_batch_although_its_endpoint_is_out_of_use()
    {
        _worker.Model.Answer = (_, _, _) => Task.FromResult<InferenceOutcome>(new InferenceOutcome.Failed(InferenceError.Unavailable, "down"));
        var record = await _worker.BatchAsync(2);
        await _worker.SendAsync(record, 0, 2);
        await LetTimePassUntilAsync(() => _worker.Worker.Endpoints.Gates[0].IsOutOfUse, "the endpoint is out of use");

        await _worker.Batches.CancelAsync(record.BatchId);

        await LetTimePassUntilAsync(() => _worker.Held.IsEmpty && _worker.Worker.Held == 0, "the page is let go");
    }

    [Test]
    public async Task Should_end_errored_after_five_answers_of_no_use_although_nobody_else_calls()
    {
        _worker.Model.Answer = (_, _, _) => Task.FromResult<InferenceOutcome>(new InferenceOutcome.Failed(InferenceError.InvalidAnswer, "no choice"));
        var record = await _worker.BatchAsync(1);

        await _worker.SendAsync(record, 0, 1);
        await LetTimePassUntilAsync(() => _worker.Reports.Count == 1, "the page is reported");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_worker.Model.Calls, Has.Count.EqualTo(5));
            Assert.That(_worker.Reports[0].Requests[0].Outcome, Is.EqualTo(RequestOutcome.Errored));
        }
    }

    [Test]
    public async Task Should_wait_as_long_as_the_endpoint_asks()
    {
        var calledAt = new List<DateTimeOffset>();
        _worker.Model.Answer = (_, attempt, _) =>
        {
            calledAt.Add(_time.GetUtcNow());
            return Task.FromResult(attempt == 1 ? new InferenceOutcome.Failed(InferenceError.RateLimited, "slow down", TimeSpan.FromSeconds(90)) : FakeModel.Success);
        };
        var record = await _worker.BatchAsync(1);

        await _worker.SendAsync(record, 0, 1);
        await LetTimePassUntilAsync(() => _worker.Reports.Count == 1, "the page is reported");

        Assert.That(calledAt[1] - calledAt[0], Is.InRange(TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(100)));
    }

    [Test]
    public async Task Should_hold_no_more_pages_than_it_has_room_for_while_all_fail()
    {
        _worker.Model.Answer = (_, _, _) => Task.FromResult<InferenceOutcome>(new InferenceOutcome.Failed(InferenceError.Unavailable, "down"));
        var record = await _worker.BatchAsync(20);
        for (var page = 0; page < 20; page++)
        {
            await _worker.SendAsync(record, page, 1);
        }

        await LetTimePassUntilAsync(() => _worker.Model.Calls.Count >= 20, "calls were tried again and again");

        Assert.That(_worker.Held.All.Count(), Is.LessThanOrEqualTo(2), "twice its slots");
    }

    private async Task LetTimePassUntilAsync(Task task, string description)
    {
        await LetTimePassUntilAsync(() => task.IsCompleted, description);
        await task;
    }

    private Task LetTimePassUntilAsync(Func<bool> condition, string description) => Eventually.ThatAsync(
        () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return condition();
        },
        description);
}
