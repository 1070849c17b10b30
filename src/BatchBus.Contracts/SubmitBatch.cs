using System.Text.Json;
using System.Text.Json.Serialization;

namespace BatchBus.Contracts;

/// <summary>
/// Submit a batch over the bus, to the queue <c>submit-batch</c>. Answered by <see cref="BatchAccepted"/> or
/// <see cref="BatchRejected"/>, to the response address where there is one and published otherwise. A batch is accepted only once
/// <see cref="BatchAccepted"/> has arrived; until then send the same message again, with the same <see cref="SubmissionId"/>.
/// </summary>
public sealed record SubmitBatch
{
    /// <summary>The sender's name for this submission: however often it arrives, it makes one batch.</summary>
    public required Guid SubmissionId { get; init; }

    /// <summary>The stage of the whole batch, if any.</summary>
    public string? Stage { get; init; }

    /// <summary>Seconds until requests without a result expire; 24 hours where it is null.</summary>
    public long? ExpiresInSeconds { get; init; }

    /// <summary>Who is to be told of the end, as an https or http address; the workspace's own, if it has one, where it is null.</summary>
    public string? WebhookUrl { get; init; }

    /// <summary>The requests, as over HTTP.</summary>
    public required IReadOnlyList<BatchRequest> Requests { get; init; }
}

/// <summary>One request of a batch, in the same JSON as over HTTP.</summary>
public sealed record BatchRequest
{
    /// <summary>The sender's name for the request, unique in the batch: 1 to 64 of <c>a-z A-Z 0-9 _ -</c>.</summary>
    [JsonPropertyName("custom_id")]
    public string? CustomId { get; init; }

    /// <summary>Routing: <c>model_hint</c>, <c>stage</c>.</summary>
    [JsonPropertyName("metadata")]
    public JsonElement? Metadata { get; init; }

    /// <summary>The body of a <c>POST /v1/messages</c>.</summary>
    [JsonPropertyName("params")]
    public JsonElement? Params { get; init; }
}
