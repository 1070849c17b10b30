using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace BatchBus.Cli.Tests.RunPod;

/// <summary>What RunPod's management API v2 accepts as the body of a create and of a change. Everything else it answers with 422.</summary>
internal static partial class EndpointSchema
{
    private static readonly Dictionary<string, Func<JsonNode, bool>> Container = new()
    {
        ["image"] = IsText,
        ["args"] = IsText,
        ["disk"] = IsAtLeast(1),
        ["ports"] = IsTexts,
        ["env"] = env => env is JsonObject variables && variables.All(variable => variable.Value is not null && IsText(variable.Value)),
        ["registry"] = IsText,
        ["templateId"] = IsText,
    };

    private static readonly Dictionary<string, Func<JsonNode, bool>> Change = new(Container)
    {
        ["name"] = IsText,
        ["gpu"] = gpu => Fits(gpu, Gpu) && (gpu["excludedTypes"] is null || gpu["pools"] is not null),
        ["workers"] = workers => Fits(workers, Workers),
        ["scaling"] = IsScaling,
        ["timeout"] = IsAtLeast(1),
        ["flashboot"] = IsOneOf("OFF", "FLASHBOOT", "PRIORITY_FLASHBOOT"),
        ["dataCenterIds"] = IsTexts,
        ["networkVolumes"] = IsTexts,
    };

    private static readonly Dictionary<string, Func<JsonNode, bool>> Create = new(Change) { ["type"] = IsOneOf("QUEUE", "LOAD_BALANCER") };

    private static Dictionary<string, Func<JsonNode, bool>> Gpu => new()
    {
        ["pools"] = pools => IsTexts(pools) && pools.AsArray().Count > 0,
        ["excludedTypes"] = IsTexts,
        ["count"] = IsAtLeast(1),
        ["allowedCudaVersions"] = IsTexts,
        ["minCudaVersion"] = version => IsText(version) && CudaVersion.IsMatch(version.GetValue<string>()),
    };

    private static Dictionary<string, Func<JsonNode, bool>> Workers => new()
    {
        ["min"] = IsAtLeast(0),
        ["max"] = IsAtLeast(0),
        ["idleTimeout"] = seconds => IsAtLeast(1)(seconds) && seconds.GetValue<int>() <= 3600,
    };

    /// <summary>What is wrong with the body of a create; empty where nothing is.</summary>
    public static IReadOnlyList<string> ErrorsOfCreate(JsonObject body) =>
    [
        .. Errors(body, Create),
        .. new[] { "name", "type", "scaling" }.Where(field => body[field] is null).Select(field => $"{field} is required"),
        .. body["image"] is null && body["templateId"] is null ? ["image is required"] : Array.Empty<string>(),
        .. body["gpu"]?["pools"] is null ? ["gpu.pools is required"] : Array.Empty<string>(),
        .. ErrorsOfScaling(body),
    ];

    /// <summary>What is wrong with the body of a change to an endpoint; empty where nothing is.</summary>
    public static IReadOnlyList<string> ErrorsOfChange(JsonObject changes, JsonObject endpoint)
        => [.. Errors(changes, Change), .. ErrorsOfScaling(FakeRunPod.Merge(endpoint, changes))];

    private static IEnumerable<string> Errors(JsonObject body, Dictionary<string, Func<JsonNode, bool>> fields) => body
        .Where(field => !fields.TryGetValue(field.Key, out var fits) || field.Value is null || !fits(field.Value))
        .Select(field => $"{field.Key} is unknown or has a wrong value");

    private static IEnumerable<string> ErrorsOfScaling(JsonObject endpoint)
    {
        var scaler = endpoint["scaling"]?["type"]?.GetValue<string>();
        if (endpoint["type"]?.GetValue<string>() is "QUEUE" && scaler is "REQUEST_COUNT" && endpoint["workers"]?["idleTimeout"] is not null)
        {
            yield return "workers.idleTimeout is not applicable";
        }

        if (endpoint["type"]?.GetValue<string>() is "LOAD_BALANCER" && scaler is not "REQUEST_COUNT")
        {
            yield return "scaling must be REQUEST_COUNT";
        }
    }

    private static bool Fits(JsonNode node, Dictionary<string, Func<JsonNode, bool>> fields) => node is JsonObject body && !Errors(body, fields).Any();

    private static bool IsScaling(JsonNode node) => node["type"]?.GetValue<string>() switch
    {
        "REQUEST_COUNT" => Fits(node, new() { ["type"] = IsText, ["requestCount"] = IsAtLeast(1) }) && node["requestCount"] is not null,
        "QUEUE_DELAY" => Fits(node, new() { ["type"] = IsText, ["queueDelay"] = delay => delay.GetValue<double>() >= 0.5 }) && node["queueDelay"] is not null,
        _ => false,
    };

    private static bool IsText(JsonNode node) => node.GetValueKind() == JsonValueKind.String;

    private static bool IsTexts(JsonNode node) => node is JsonArray list && list.All(element => element is not null && IsText(element));

    private static Func<JsonNode, bool> IsAtLeast(int least) => node => node.GetValueKind() == JsonValueKind.Number && node.AsValue().TryGetValue<int>(out var number) && number >= least;

    private static Func<JsonNode, bool> IsOneOf(params string[] values) => node => IsText(node) && values.Contains(node.GetValue<string>());

    [GeneratedRegex(@"\A\d+\.\d+\z")]
    private static partial Regex CudaVersion { get; }
}
