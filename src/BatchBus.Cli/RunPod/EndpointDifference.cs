using System.Text.Json.Nodes;

namespace BatchBus.Cli.RunPod;

/// <summary>
/// What must change on an endpoint so that it agrees with its definition. Fields that the definition does not set are left as they are.
/// </summary>
internal sealed class EndpointDifference
{
    private const string NotSet = "(not set)";

    private readonly List<string> _lines = [];

    private EndpointDifference()
    {
    }

    /// <summary>The body of the change. Never to be shown.</summary>
    public JsonObject Body { get; } = [];

    /// <summary>The body as it may be shown.</summary>
    public JsonObject Shown { get; } = [];

    /// <summary>One line per field, as it may be shown.</summary>
    public IReadOnlyList<string> Lines => _lines;

    public bool IsEmpty => Body.Count == 0;

    /// <exception cref="RunPodFailure">They differ in what cannot be changed.</exception>
    public static EndpointDifference Between(EndpointDefinition definition, RunPodEndpoint endpoint)
    {
        var difference = new EndpointDifference();
        foreach (var (field, wanted) in definition.Body)
        {
            var current = endpoint.Settings[field];
            switch (field)
            {
                case "name" or "templateId":
                    break;
                case "type":
                    RefuseChangeOfType(endpoint, wanted, current);
                    break;
                case "env" when wanted is JsonObject env:
                    difference.CompareEnv(definition.Shown["env"]!.AsObject(), env, current as JsonObject ?? []);
                    break;
                case "gpu" or "workers" when wanted is JsonObject group:
                    difference.CompareMembers(field, group, current as JsonObject ?? []);
                    break;
                default:
                    if (!Agree(wanted, current))
                    {
                        difference.Set(difference.Body, difference.Shown, field, field, wanted, current);
                    }

                    break;
            }
        }

        return difference;
    }

    private static void RefuseChangeOfType(RunPodEndpoint endpoint, JsonNode? wanted, JsonNode? current)
    {
        if (current is not null && !Agree(wanted, current))
        {
            throw new RunPodFailure(
                $"{endpoint.Name} ({endpoint.Id}) is of type {Text(current)} and the file says {Text(wanted)}, which RunPod cannot change. Delete the endpoint and apply again.");
        }
    }

    /// <summary>RunPod replaces the variables as a whole, so those that the definition does not set go along unchanged.</summary>
    private void CompareEnv(JsonObject shown, JsonObject wanted, JsonObject current)
    {
        var differing = wanted.Where(variable => !Agree(variable.Value, current[variable.Key])).ToList();
        if (differing.Count == 0)
        {
            return;
        }

        var body = current.DeepClone().AsObject();
        var shownBody = new JsonObject();
        foreach (var (name, _) in current)
        {
            shownBody[name] = shown[name]?.DeepClone() ?? "(as it is)";
        }

        foreach (var (name, value) in differing)
        {
            body[name] = value!.DeepClone();
            shownBody[name] = shown[name]!.DeepClone();
            var before = EndpointDefinition.IsSecret(shown[name]!.GetValue<string>()) && current[name] is not null ? "(another value)" : Text(current[name]);
            _lines.Add($"env.{name}: {before} -> {Text(shown[name])}");
        }

        Body["env"] = body;
        Shown["env"] = shownBody;
    }

    private void CompareMembers(string field, JsonObject wanted, JsonObject current)
    {
        var (body, shown) = (new JsonObject(), new JsonObject());
        foreach (var (member, value) in wanted.Where(member => !Agree(member.Value, current[member.Key])))
        {
            Set(body, shown, member, $"{field}.{member}", value, current[member]);
        }

        // The two are one selection to RunPod: it refuses exclusions without pools, and clears them where pools come alone.
        foreach (var (member, other) in new[] { ("pools", "excludedTypes"), ("excludedTypes", "pools") })
        {
            if (body.ContainsKey(member) && !body.ContainsKey(other) && wanted[other] is { } same)
            {
                body[other] = same.DeepClone();
                shown[other] = same.DeepClone();
            }
        }

        if (body.Count > 0)
        {
            Body[field] = body;
            Shown[field] = shown;
        }
    }

    private void Set(JsonObject body, JsonObject shown, string member, string field, JsonNode? wanted, JsonNode? current)
    {
        body[member] = wanted?.DeepClone();
        shown[member] = wanted?.DeepClone();
        _lines.Add($"{field}: {Text(current)} -> {Text(wanted)}");
    }

    /// <summary>Whether what is wanted is there: of objects each member that is wanted, of lists the same elements in any order.</summary>
    private static bool Agree(JsonNode? wanted, JsonNode? current) => (wanted, current) switch
    {
        (JsonObject group, JsonObject other) => group.All(member => Agree(member.Value, other[member.Key])),
        (JsonArray list, JsonArray other) => list.Select(Text).Order(StringComparer.Ordinal).SequenceEqual(other.Select(Text).Order(StringComparer.Ordinal)),
        _ => JsonNode.DeepEquals(wanted, current),
    };

    private static string Text(JsonNode? node) => node?.ToJsonString(JsonText.Compact) ?? NotSet;
}
