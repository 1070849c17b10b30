using System.Text.Json.Serialization;

namespace BatchBus.Api.Batches.Explain;

/// <summary>Where one request of a batch is, and why. Holds neither prompt nor answer.</summary>
/// <param name="BatchId">The batch's public id.</param>
/// <param name="CustomId">The caller's name for the request.</param>
/// <param name="Index">Its place in the batch as it was submitted, from 0.</param>
/// <param name="Status"><c>waiting</c>, <c>with_worker</c>, <c>canceling</c>, <c>succeeded</c>, <c>errored</c>, <c>canceled</c> or <c>expired</c>.</param>
/// <param name="Explanation">The same in sentences, for people.</param>
/// <param name="Routing">What chose its model.</param>
/// <param name="Result">What came of it; null until there is something.</param>
/// <param name="Queue">What it waits for; null once it has a result.</param>
/// <param name="Endpoints">The endpoints of its model, in order of preference.</param>
internal sealed record RequestExplanation(
    string BatchId,
    string CustomId,
    int Index,
    string Status,
    IReadOnlyList<string> Explanation,
    RequestRouting Routing,
    RequestResult? Result,
    RequestQueue? Queue,
    IReadOnlyList<RequestEndpoint> Endpoints)
{
    public string Type { get; } = "message_batch_request";
}

/// <summary>What chose a request's model.</summary>
/// <param name="Model">The model; null where it could be routed nowhere.</param>
/// <param name="Rule"><c>model_hint</c>, <c>request_stage</c>, <c>batch_stage</c>, <c>model</c>, <c>alias</c> or <c>default</c>.</param>
/// <param name="Stage">The stage of the whole batch, where that chose.</param>
internal sealed record RequestRouting(string? Model, string Rule, string? Stage);

/// <summary>What came of a request.</summary>
/// <param name="ErrorType">The documented <c>error.type</c>; null where it did not error.</param>
/// <param name="ErrorMessage">The error in words; null where it did not error.</param>
/// <param name="InputTokens">Prompt tokens, cached ones included.</param>
/// <param name="OutputTokens">Generated tokens.</param>
/// <param name="GpuSeconds">Its part of the GPUs' time.</param>
internal sealed record RequestResult(string? ErrorType, string? ErrorMessage, int InputTokens, int OutputTokens, double GpuSeconds);

/// <summary>What a request waits for.</summary>
/// <param name="RequestsBefore">Requests of its batch for the same model that come before it and have no result either.</param>
/// <param name="BatchesOfModel">Batches that the model executes now, this one included.</param>
/// <param name="Workers">Workers that execute the model.</param>
/// <param name="Slots">Requests that they keep in flight together.</param>
/// <param name="Worker">The worker that has it; null where none has.</param>
/// <param name="Attempt">How often its page was taken by a worker.</param>
/// <param name="Endpoint">The endpoint that has its job; null where none has.</param>
/// <param name="Job">The job's id there.</param>
/// <param name="FailedCalls">Calls for it that failed so far.</param>
/// <param name="LastError">How the last of them failed.</param>
internal sealed record RequestQueue(
    int RequestsBefore, int BatchesOfModel, int Workers, int Slots, string? Worker, int Attempt, string? Endpoint, string? Job, int FailedCalls, string? LastError);

/// <summary>An endpoint of a request's model.</summary>
/// <param name="Name">The endpoint.</param>
/// <param name="OutOfUse">Whether it gets no requests at the moment.</param>
/// <param name="Stopped">Whether only an operator can mend it.</param>
/// <param name="Since">Since when it is out of use.</param>
/// <param name="Reason">Why.</param>
internal sealed record RequestEndpoint(string Name, bool OutOfUse, bool Stopped, DateTimeOffset? Since, string? Reason);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RequestExplanation))]
internal sealed partial class RequestExplanationJson : JsonSerializerContext;
