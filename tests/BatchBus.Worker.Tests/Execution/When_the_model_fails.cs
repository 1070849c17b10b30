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
        var stopping = _worker.DisposeAsync().AsTask();
        await LetTimePassUntilAsync(() => stopping.IsCompleted, "the worker stopped");
        await stopping;
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
            index == 0 && attempt <= 12 ? new InferenceOutcome.Failed(error, "down") : FakeModel.Success);
        var record = await _worker.BatchAsync(14);
        await _worker.SendAsync(record, 0, 1);
        for (var other = 1; other <= 13; other++)
        {
            await LetTimePassUntilAsync(() => _worker.Model.Calls.Count(index => index == 0) >= Math.Min(other, 12), "request 0 was tried again");
            await _worker.SendAsync(record, other, 1);
            await LetTimePassUntilAsync(() => _worker.Reports.Any(report => report.From == other), "another request succeeded");
        }

        await LetTimePassUntilAsync(() => _worker.Reports.Count == 14, "all is reported");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_worker.Reports.SelectMany(report => report.Requests).Select(request => request.Outcome), Is.All.EqualTo(RequestOutcome.Succeeded));
            Assert.That(_worker.Model.Calls.Count(index => index == 0), Is.EqualTo(13));
        }
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
        var record = await _worker.BatchAsync(30);
        _worker.Model.Answer = (index, _, _) =>
        {
            if (index != 0)
            {
                return Task.FromResult(FakeModel.Success);
            }

            // Another call of the endpoint succeeds between the begin of this one and its failure.
            _worker.Worker.CountSuccess();
            return Task.FromResult<InferenceOutcome>(new InferenceOutcome.Failed(InferenceError.ServerError, "HTTP 500"));
        };

        await _worker.SendAsync(record, 0, 2);
        await LetTimePassUntilAsync(() => _worker.Reports.Count == 1, "the page is reported");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_worker.Model.Calls.Count(index => index == 0), Is.EqualTo(5));
            Assert.That(_worker.Reports[0].Requests.Select(request => request.Outcome), Is.EqualTo(new[] { RequestOutcome.Errored, RequestOutcome.Succeeded }));
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

    private Task LetTimePassUntilAsync(Func<bool> condition, string description) => Eventually.ThatAsync(
        () =>
        {
            _time.Advance(TimeSpan.FromMilliseconds(500));
            return condition();
        },
        description);
}
