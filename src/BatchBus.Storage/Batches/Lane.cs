using System.Globalization;
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

/// <summary>What the requests of one lane have come to so far.</summary>
/// <param name="Succeeded">Requests that the model answered.</param>
/// <param name="Errored">Requests that ended with an error.</param>
/// <param name="InputTokens">Prompt tokens of the answered ones, cached ones excluded.</param>
/// <param name="CachedTokens">Prompt tokens that were cached.</param>
/// <param name="OutputTokens">Generated tokens.</param>
/// <param name="ExecutionTime">Time that the endpoint spent on the answered ones.</param>
public sealed record LaneTally(int Succeeded, int Errored, long InputTokens, long CachedTokens, long OutputTokens, TimeSpan ExecutionTime)
{
    /// <summary>Of requests that can be routed nowhere: each is an error.</summary>
    internal static LaneTally Unrouted(int count) => new(0, count, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Reads what store_results has written; none yet is nothing.</summary>
    internal static LaneTally Parse(string? tally)
    {
        if (tally is null)
        {
            return new LaneTally(0, 0, 0, 0, 0, TimeSpan.Zero);
        }

        var sums = tally.Split(' ').Select(sum => long.Parse(sum, CultureInfo.InvariantCulture)).ToArray();
        return new LaneTally((int)sums[0], (int)sums[1], sums[2], sums[3], sums[4], TimeSpan.FromMilliseconds(sums[5]));
    }
}

[JsonSerializable(typeof(IReadOnlyList<Lane>))]
internal sealed partial class LaneJson : JsonSerializerContext;
