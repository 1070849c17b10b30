using Polly;
using Polly.Retry;

namespace BatchBus.Inference;

/// <summary>
/// A few quick tries for failures that pass by themselves. The clients themselves call once: only the caller can give its slot back
/// while it waits, so this goes around taking the slot and calling together.
/// </summary>
public static class InferenceRetry
{
    private const int Retries = 2;

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Makes the pipeline: two more tries, after about half a second and a second with jitter, or after what the endpoint asked for. It
    /// returns at once what is no <see cref="ErrorReaction.RetryHere"/> or what asks for a wait of more than 10 seconds.
    /// </summary>
    public static ResiliencePipeline<InferenceOutcome> CreatePipeline(TimeProvider timeProvider) =>
        new ResiliencePipelineBuilder<InferenceOutcome> { TimeProvider = timeProvider }
            .AddRetry(new RetryStrategyOptions<InferenceOutcome>
            {
                ShouldHandle = static arguments => ValueTask.FromResult(arguments.Outcome.Result is InferenceOutcome.Failed failed
                    && InferenceErrors.ReactionTo(failed.Error) == ErrorReaction.RetryHere
                    && (failed.RetryAfter ?? TimeSpan.Zero) <= LongestWait),
                MaxRetryAttempts = Retries,
                Delay = TimeSpan.FromMilliseconds(500),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                DelayGenerator = static arguments => ValueTask.FromResult(arguments.Outcome.Result is InferenceOutcome.Failed { RetryAfter: { } asked }
                    ? asked + (asked * (0.1 * Random.Shared.NextDouble()))
                    : (TimeSpan?)null),
            })
            .Build();
}
