using System.Text.Json.Serialization;

namespace BatchBus.Storage.Batches;

/// <summary>
/// A sequence of a batch's requests that were routed alike. Requests are addressed by lane and position in it, pages are ranges of a
/// lane. Two lanes may have the same model.
/// </summary>
public sealed record Lane
{
    /// <summary>Number of the lane within its batch, from 0.</summary>
    [JsonPropertyName("lane")]
    public required int Number { get; init; }

    /// <summary>The model of the catalogue; null where the requests can be routed nowhere, and are errored as they stand.</summary>
    [JsonPropertyName("model")]
    public required string? Model { get; init; }

    /// <summary>Whether the stage of the whole batch chose the model.</summary>
    [JsonPropertyName("stage")]
    public bool StageRouted { get; init; }

    /// <summary>Number of requests.</summary>
    [JsonPropertyName("count")]
    public required int Count { get; init; }

    /// <summary>Bytes of all <c>params</c> objects together, as submitted.</summary>
    [JsonPropertyName("bytes")]
    public required long Bytes { get; init; }
}

[JsonSerializable(typeof(IReadOnlyList<Lane>))]
internal sealed partial class LaneJson : JsonSerializerContext;
