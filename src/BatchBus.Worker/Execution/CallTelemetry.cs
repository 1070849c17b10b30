using System.Diagnostics;
using System.Diagnostics.Metrics;
using BatchBus.Contracts;
using BatchBus.Inference;
using BatchBus.Inference.Catalog;
using BatchBus.Storage;
using BatchBus.Storage.Results;

namespace BatchBus.Worker.Execution;

/// <summary>
/// Spans and metrics of calls and of stored results, by OpenTelemetry's conventions for generative AI where there are any. Tags have few
/// values: batches and requests are named by spans only.
/// </summary>
internal sealed class CallTelemetry
{
    private const string Operation = "chat";

    private readonly TimeProvider _time;
    private readonly Histogram<double> _duration;
    private readonly Histogram<int> _tokens;
    private readonly Counter<long> _completed;
    private readonly Histogram<double> _storing;

    public CallTelemetry(IMeterFactory meters, TimeProvider time)
    {
        var meter = meters.Create(Telemetry.Name);
        _time = time;
        _duration = meter.CreateHistogram(
            "gen_ai.client.operation.duration", "s", "Time of calls to model endpoints, the endpoint's queue included",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640] });
        _tokens = meter.CreateHistogram(
            "gen_ai.client.token.usage", "{token}", "Tokens of answered calls, cached ones included",
            advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [16, 64, 256, 1024, 4096, 16384, 65536] });
        _completed = meter.CreateCounter<long>("batchbus.requests.completed", null, "Requests that have their result");
        _storing = meter.CreateHistogram(
            "batchbus.results.store.duration", "s", "Time until Redis has stored and counted some results",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = Telemetry.Seconds });
    }

    /// <summary>Makes a call under the eyes of whoever listens.</summary>
    /// <param name="endpoint">Where it goes.</param>
    /// <param name="batchId">The request's batch.</param>
    /// <param name="customId">The request.</param>
    /// <param name="call">The call.</param>
    public async Task<InferenceOutcome> ObserveAsync(ModelEndpoint endpoint, Guid batchId, string customId, Func<Task<InferenceOutcome>> call)
    {
        using var span = Telemetry.Source.HasListeners() ? Begin(endpoint, batchId, customId) : null;
        var startedAt = _time.GetTimestamp();
        InferenceOutcome? outcome = null;
        try
        {
            return outcome = await call();
        }
        finally
        {
            Record(endpoint, outcome, _time.GetElapsedTime(startedAt));
            Describe(span, outcome);
        }
    }

    /// <summary>Results have been stored and counted.</summary>
    public void Stored(string model, List<(int Position, StoredResult Result)> results)
    {
        var succeeded = results.Count(entry => entry.Result.Outcome is RequestOutcome.Succeeded);
        Completed(model, "succeeded", succeeded);
        Completed(model, "errored", results.Count - succeeded);
    }

    /// <summary>An attempt to store results was answered.</summary>
    public void StoreAnswered(long askedAt) => _storing.Record(_time.GetElapsedTime(askedAt).TotalSeconds);

    private static Activity? Begin(ModelEndpoint endpoint, Guid batchId, string customId) => Telemetry.Source.StartActivity(
        ActivityKind.Client,
        name: $"{Operation} {endpoint.ServedModel}",
        tags:
        [
            new("gen_ai.operation.name", Operation),
            new("gen_ai.provider.name", ProviderOf(endpoint)),
            new("gen_ai.request.model", endpoint.ServedModel),
            new("server.address", endpoint.Address.Host),
            new("server.port", endpoint.Address.Port),
            new("batchbus.endpoint", endpoint.Name),
            new(Telemetry.BatchId, BatchId.Format(batchId)),
            new("batchbus.custom_id", customId),
        ]);

    private static void Describe(Activity? span, InferenceOutcome? outcome)
    {
        if (span is null)
        {
            return;
        }

        if (outcome is InferenceOutcome.Succeeded succeeded)
        {
            span.SetTag("gen_ai.usage.input_tokens", succeeded.Usage.InputTokens + succeeded.Usage.CachedTokens);
            span.SetTag("gen_ai.usage.output_tokens", succeeded.Usage.OutputTokens);
            span.SetTag("gen_ai.response.model", succeeded.ServedBy);
            span.SetTag("gen_ai.response.finish_reasons", succeeded.StopReason is { } reason ? new[] { reason } : null);
            return;
        }

        span.SetTag("error.type", ErrorOf(outcome));
        if (outcome is InferenceOutcome.Failed failed)
        {
            span.SetStatus(ActivityStatusCode.Error, failed.Message);
        }
    }

    private void Record(ModelEndpoint endpoint, InferenceOutcome? outcome, TimeSpan elapsed)
    {
        var tags = new TagList
        {
            { "gen_ai.operation.name", Operation },
            { "gen_ai.provider.name", ProviderOf(endpoint) },
            { "gen_ai.request.model", endpoint.ServedModel },
            { "endpoint", endpoint.Name },
        };
        if (outcome is InferenceOutcome.Succeeded { Usage: var usage })
        {
            _duration.Record(elapsed.TotalSeconds, tags);
            tags.Add("gen_ai.token.type", "input");
            _tokens.Record(usage.InputTokens + usage.CachedTokens, tags);
            tags[^1] = new("gen_ai.token.type", "output");
            _tokens.Record(usage.OutputTokens, tags);
        }
        else
        {
            tags.Add("error.type", ErrorOf(outcome));
            _duration.Record(elapsed.TotalSeconds, tags);
        }
    }

    private void Completed(string model, string outcome, int count)
    {
        if (count > 0)
        {
            _completed.Add(count, new("model", model), new("outcome", outcome));
        }
    }

    /// <summary>An OpenAI-style server is not told apart from OpenAI itself: the conventions ask for the protocol's name then.</summary>
    private static string ProviderOf(ModelEndpoint endpoint) => endpoint.Protocol is ModelProtocol.RunPodJobs ? "runpod" : "openai";

    private static string ErrorOf(InferenceOutcome? outcome) => outcome switch
    {
        InferenceOutcome.Failed failed => failed.Error.ToString(),
        InferenceOutcome.Refused refused => refused.ErrorType,
        _ => "canceled",
    };
}
