using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace BatchBus.Cli.RunPod;

/// <summary>An endpoint as RunPod lists it.</summary>
internal sealed partial record RunPodEndpoint(string Id, string Name, JsonObject Settings)
{
    // RunPod's older interfaces mark FlashBoot by this ending of the name; an endpoint made there may still carry it.
    private const string FlashBootMark = " -fb";

    /// <summary>The name under which vLLM serves the model; null where the endpoint sets none.</summary>
    public string? ServedModel => TextOf((Settings["env"] as JsonObject)?["OPENAI_SERVED_MODEL_NAME_OVERRIDE"]);

    /// <summary>Whether it takes jobs; a load-balancing endpoint has no queue to ask about.</summary>
    public bool HasQueue => TextOf(Settings["type"]) is not "LOAD_BALANCER";

    /// <summary>Most workers that the endpoint may have; null where RunPod does not say.</summary>
    public int? MostWorkers => (Settings["workers"] as JsonObject)?["max"] is JsonValue max && max.TryGetValue<int>(out var workers) ? workers : null;

    /// <exception cref="RunPodFailure">It has no name, or an id that could not stand in a path.</exception>
    public static RunPodEndpoint From(JsonNode? listed)
    {
        if (listed is not JsonObject settings || TextOf(settings["name"]) is not { } name || TextOf(settings["id"]) is not { } id || !IdPattern.IsMatch(id))
        {
            throw new RunPodFailure("RunPod's reply holds an endpoint without a name or without a usable id.");
        }

        return new RunPodEndpoint(id, name.EndsWith(FlashBootMark, StringComparison.Ordinal) ? name[..^FlashBootMark.Length] : name, settings);
    }

    /// <summary>The endpoint of that name; null where there is none.</summary>
    /// <exception cref="RunPodFailure">There are several.</exception>
    public static RunPodEndpoint? Find(IEnumerable<RunPodEndpoint> endpoints, string name)
    {
        var found = endpoints.Where(endpoint => endpoint.Name == name).ToList();
        return found.Count <= 1
            ? found.SingleOrDefault()
            : throw new RunPodFailure($"There are {found.Count} endpoints named {name} ({string.Join(", ", found.Select(endpoint => endpoint.Id))}). Delete or rename all but one in RunPod's console.");
    }

    private static string? TextOf(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    [GeneratedRegex(@"\A[A-Za-z0-9_-]{1,64}\z")]
    private static partial Regex IdPattern { get; }
}
