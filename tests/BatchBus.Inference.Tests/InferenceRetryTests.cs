using Microsoft.Extensions.Time.Testing;

namespace BatchBus.Inference.Tests;

[CancelAfter(30_000)]
public sealed class InferenceRetryTests
{
    private static readonly InferenceOutcome Good = new InferenceOutcome.Succeeded(default, default);

    [Test]
    public async Task A_passing_failure_is_tried_again(CancellationToken cancellationToken)
    {
        var (outcome, calls, _) = await RunAsync(cancellationToken, Failed(InferenceError.RateLimited), Failed(InferenceError.Unreachable), Good);
        Assert.That((outcome, calls), Is.EqualTo((Good, 3)));
    }

    [Test]
    public async Task The_third_failure_is_returned(CancellationToken cancellationToken)
    {
        var (outcome, calls, _) = await RunAsync(cancellationToken, Failed(InferenceError.Unavailable));
        Assert.That((outcome, calls), Is.EqualTo(((InferenceOutcome)Failed(InferenceError.Unavailable), 3)));
    }

    [TestCase(InferenceError.EngineDown)]
    [TestCase(InferenceError.Unauthorized)]
    [TestCase(InferenceError.ServerError)]
    public async Task What_the_table_does_not_retry_here_is_returned_at_once(InferenceError error)
    {
        var (outcome, calls, _) = await RunAsync(CancellationToken.None, Failed(error));
        Assert.That((outcome, calls), Is.EqualTo(((InferenceOutcome)Failed(error), 1)));
    }

    [Test]
    public async Task The_endpoint_is_left_alone_for_as_long_as_it_asks(CancellationToken cancellationToken)
    {
        var (outcome, calls, waited) = await RunAsync(cancellationToken, Failed(InferenceError.RateLimited, 7), Good);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome, calls), Is.EqualTo((Good, 2)));
            Assert.That(waited, Is.InRange(TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(8)));
        }
    }

    [Test]
    public async Task A_long_wait_is_left_to_the_caller(CancellationToken cancellationToken)
    {
        var (outcome, calls, _) = await RunAsync(cancellationToken, Failed(InferenceError.RateLimited, 11), Good);
        Assert.That((outcome, calls), Is.EqualTo(((InferenceOutcome)Failed(InferenceError.RateLimited, 11), 1)));
    }

    private static InferenceOutcome.Failed Failed(InferenceError error, int? retryAfter = null) =>
        new(error, "", retryAfter is { } seconds ? TimeSpan.FromSeconds(seconds) : null);

    /// <summary>Runs the pipeline over the outcomes, the last one again and again, turning the clock until it is done.</summary>
    private static async Task<(InferenceOutcome Outcome, int Calls, TimeSpan Waited)> RunAsync(CancellationToken cancellationToken, params InferenceOutcome[] outcomes)
    {
        var clock = new FakeTimeProvider();
        var started = clock.GetTimestamp();
        var calls = 0;
        var run = InferenceRetry.CreatePipeline(clock)
            .ExecuteAsync(_ => ValueTask.FromResult(outcomes[Math.Min(calls++, outcomes.Length - 1)]), cancellationToken)
            .AsTask();
        while (!run.IsCompleted)
        {
            cancellationToken.ThrowIfCancellationRequested();
            clock.Advance(TimeSpan.FromMilliseconds(50));
            await Task.Yield();
        }

        return (await run, calls, clock.GetElapsedTime(started));
    }
}
