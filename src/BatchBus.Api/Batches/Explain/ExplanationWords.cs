using System.Globalization;
using BatchBus.Contracts;
using BatchBus.Inference.Routing;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Fleet;
using BatchBus.Storage.Pages;

namespace BatchBus.Api.Batches.Explain;

/// <summary>Says in sentences where a request is and why, for operators.</summary>
internal sealed class ExplanationWords(BatchRecord batch, DateTimeOffset now)
{
    private readonly List<string> _sentences = [];

    public IReadOnlyList<string> Sentences => _sentences;

    public void Route(RouteRule rule, string? model, string failure)
    {
        if (model is null)
        {
            Say($"No model could be chosen: {failure}. It was not sent to any; mend the name, and submit it again.");
            return;
        }

        Say(rule switch
        {
            RouteRule.ModelHint => $"It runs on {model}, which its metadata.model_hint names.",
            RouteRule.RequestStage => $"It runs on {model}, because of its metadata.stage.",
            RouteRule.BatchStage => $"It runs on {model}, because the batch's stage is {batch.Stage}.",
            RouteRule.Model => $"It runs on {model}, which its params.model names.",
            RouteRule.Alias => $"It runs on {model}, by a pattern that its params.model fits.",
            _ => $"It runs on {model}, the default, as it names no hint, stage or model.",
        });
    }

    public void Result(RequestResult result) => Say(result.ErrorType is null
        ? Text($"It succeeded: {result.InputTokens:N0} tokens in, {result.OutputTokens:N0} out, {result.GpuSeconds:0.0##} s of GPU time.")
        : $"It ended with {result.ErrorType}: {result.ErrorMessage}");

    public void NeverExecuted(BatchEndReason reason) => Say(reason is BatchEndReason.Canceled
        ? "The batch was canceled before it had a result."
        : $"The batch expired at {Time(batch.ExpiresAt)}, before it had a result.");

    public void Place(RequestPlace place, string model, int before, ModelFleet fleet, int batches)
    {
        var attempts = place.Attempt > 1 ? Text($" Workers have taken it {place.Attempt} times.") : "";
        switch (place.State)
        {
            case RequestPlaceState.WithWorker:
                Say(Text($"The worker {place.Worker} has it{(place.Count == 1 ? "" : $", as one of {place.Count} requests that it took together")}.{attempts}"));
                Say(place.Job is { } job
                    ? $"It is the job {job.Id} of the endpoint {job.Endpoint}, which executes it or has it in its queue."
                    : "It is being executed, or waits there for a free slot.");
                break;
            case RequestPlaceState.Lapsed:
                Say("The worker that had it is not heard of any more. Another one takes it over within seconds.");
                break;
            case RequestPlaceState.Deferred:
                Say(Text($"A worker gave it back. It is sent out again in {place.Left.TotalSeconds:0} s."));
                break;
            case RequestPlaceState.SentAgain:
                Say("It was sent out again, as nobody had taken it, and is in the model's queue.");
                break;
            default:
                Say(before == 0 ? "No worker has it yet; it is the next of its batch." : Text($"No worker has it yet. {before:N0} {(before == 1 ? "request" : "requests")} of its batch for {model} {(before == 1 ? "comes" : "come")} before it."));
                break;
        }

        if (place.LastFailure is { } failure)
        {
            Say(Text($"{(failure.Failures == 1 ? "A call for it failed:" : $"{failure.Failures} calls for it failed in a row, the last with")} {failure.Reason}. It is called for again."));
        }

        if (fleet.Workers == 0)
        {
            Say($"No worker executes {model}: start a process with the role worker.");
        }
        else if (place.State is not RequestPlaceState.WithWorker)
        {
            Say(Text($"{fleet.Workers} {(fleet.Workers == 1 ? "worker executes" : "workers execute")} up to {fleet.Slots} requests of {model} at once, for {batches} {(batches == 1 ? "batch" : "batches")}."));
        }

        if (batch.CancelInitiatedAt is { } canceled)
        {
            Say($"The batch is being canceled since {Time(canceled)}: what no worker has is not executed any more.");
        }
        else if (batch.ExpiresAt > now)
        {
            Say($"It has until {Time(batch.ExpiresAt)}, when the batch expires.");
        }
    }

    public void Endpoints(IReadOnlyList<RequestEndpoint> endpoints)
    {
        foreach (var endpoint in endpoints.Where(endpoint => endpoint.OutOfUse))
        {
            Say($"The endpoint {endpoint.Name} is out of use since {Time(endpoint.Since!.Value)} ({endpoint.Reason}). "
                + (endpoint.Stopped
                    ? "Only you can mend that; it is tried again every minute, and the request goes on by itself then."
                    : "It is tried again every few seconds, and the request goes on by itself then."));
        }
    }

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private void Say(string sentence) => _sentences.Add(sentence);
}
