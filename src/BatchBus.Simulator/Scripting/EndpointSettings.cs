using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace BatchBus.Simulator.Scripting;

/// <summary>The JSON by which other processes script an endpoint: the members of <see cref="SimulatedEndpoint"/> in snake case.</summary>
internal static class EndpointSettings
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectRequiredConstructorParameters = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false), new TimeConverter() },
    };

    /// <summary>Applies the members that are there; null switches one off.</summary>
    /// <exception cref="JsonException">It is not JSON of this form; nothing was changed.</exception>
    /// <exception cref="ArgumentException">A value is not possible; nothing was changed but, perhaps, members before it.</exception>
    public static void Apply(in ReadOnlySequence<byte> json, SimulatedEndpoint endpoint)
    {
        using var document = JsonDocument.Parse(json);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException("The settings of an endpoint are a JSON object.");
        }

        var changes = document.RootElement.EnumerateObject().Select(member => Read(member.Name, member.Value, endpoint)).ToList();
        changes.ForEach(change => change());
    }

    private static Action Read(string name, JsonElement value, SimulatedEndpoint endpoint)
    {
        switch (name)
        {
            case "latency":
                var latency = LatencyOf(value);
                return () => endpoint.Latency = latency;
            case "token_rate":
                var rate = TokenRateOf(value);
                return () => endpoint.TokenRate = rate;
            case "answer_length":
                var length = To<double?>(value);
                return () => endpoint.AnswerLength = length;
            case "time_scale":
                var scale = To<double?>(value) ?? 1;
                return () => endpoint.TimeScale = scale;
            case "max_concurrency":
                var concurrency = To<int?>(value);
                return () => endpoint.MaxConcurrency = concurrency;
            case "workers":
                var workers = To<SimulatedWorkers>(value);
                workers?.Validate();
                return () => endpoint.Workers = workers;
            case "dead_workers":
                var dead = To<int?>(value) ?? 0;
                return () => endpoint.DeadWorkers = dead;
            case "outage":
                var outage = OutageOf(value);
                return () => endpoint.Outage = outage;
            case "rate_limits":
                var limits = value.ValueKind == JsonValueKind.String && value.ValueEquals("runpod"u8) ? SimulatedRateLimits.RunPod : To<SimulatedRateLimits>(value);
                return () => endpoint.RateLimits = limits;
            case "retention":
                var retention = To<TimeSpan>(value);
                return () => endpoint.Retention = retention;
            case "faults":
                var faults = To<List<SimulatedFault>>(value) ?? [];
                faults.ForEach(fault => fault.Validate());
                return () => endpoint.ReplaceFaults(faults);
            default:
                throw new JsonException($"An endpoint has no setting '{name}'.");
        }
    }

    private static T? To<T>(JsonElement value) => value.Deserialize<T>(Options);

    private static SimulatedLatency? LatencyOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.Null ? null
        : SimulatedLatency.TryParse(To<string>(value), out var latency, out var error) ? latency
        : throw new JsonException(error);

    private static SimulatedTokenRate? TokenRateOf(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            return SimulatedTokenRate.Named(value.GetString()!) ?? throw new JsonException($"There is no token rate '{value}'.");
        }

        return To<TokenRate>(value) is { } rate ? new SimulatedTokenRate(rate.TimeToFirstToken, rate.Totals) : null;
    }

    private static SimulatedOutage? OutageOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String when value.ValueEquals("reset"u8) => SimulatedOutage.Reset,
        JsonValueKind.String when value.ValueEquals("hang"u8) => SimulatedOutage.Hang,
        JsonValueKind.String => throw new JsonException($"There is no outage '{value}': write reset, hang or an object with a status."),
        _ => To<Outage>(value) is { } outage ? SimulatedOutage.Answer(outage.Status, outage.Body, outage.ContentType) : null,
    };

    private sealed record Outage(int Status, string? Body = null, string ContentType = "text/html");

    private sealed record TokenRate([property: JsonRequired] Dictionary<int, double> Totals, TimeSpan TimeToFirstToken = default);

    /// <summary>A time as latencies are written, such as <c>20ms</c> or <c>90s</c>.</summary>
    private sealed class TimeConverter : JsonConverter<TimeSpan>
    {
        public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            SimulatedLatency.TryParse(reader.TokenType == JsonTokenType.String ? reader.GetString() : null, out var time, out var error) && time.Sigma == 0
                ? time.Median
                : throw new JsonException(error ?? "A time here is fixed: write, for example, 90s.");

        public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) => throw new NotSupportedException();
    }
}
