using System.Text.Json;
using System.Text.Json.Nodes;

namespace BatchBus.Cli.RunPod;

/// <summary>Says in an operator's words what an error reply means.</summary>
internal static class RunPodProblem
{
    private const int LongestDetail = 1000;

    /// <param name="status">The HTTP status.</param>
    /// <param name="body">The reply, <c>application/problem+json</c> as a rule.</param>
    /// <param name="task">What was asked for, as it reads after "RunPod refused to".</param>
    /// <param name="retryAfter">The wait that the reply asks for.</param>
    public static string Explain(int status, string body, string task, TimeSpan? retryAfter)
    {
        var detail = DetailOf(body);
        return status switch
        {
            401 => $"RunPod does not accept the key in {RunPodAccess.KeyVariable} (401){detail}. Create a key in RunPod's console, Settings, API Keys, and set it.",
            403 => $"The key in {RunPodAccess.KeyVariable} may not {task} (403){detail}. Give it that permission in RunPod's console, Settings, API Keys, or use another.",
            404 => $"RunPod found nothing to {task} (404){detail}. It may have been deleted in the meantime: start the same command again.",
            405 => $"RunPod's API does not know how to {task} any more (405){detail}. This command speaks version 2 of it; look for a newer BatchBus.",
            422 => $"RunPod refused to {task}, because a field is wrong (422){detail}",
            429 => $"RunPod allows no more requests for now (429){detail}. Try again {(retryAfter is { } wait ? $"in {Math.Ceiling(wait.TotalSeconds)} s" : "later")}.",
            >= 500 => $"RunPod failed to {task} ({status}){detail}. Try again; https://uptime.runpod.io says whether it is down.",
            _ => $"RunPod refused to {task} ({status}){detail}",
        };
    }

    private static string DetailOf(string body)
    {
        JsonObject? problem;
        try
        {
            problem = JsonNode.Parse(body) as JsonObject;
        }
        catch (JsonException)
        {
            // A gateway's page in HTML: its status says all that there is.
            return "";
        }

        var errors = problem?["errors"] is JsonArray list ? list.Select(Text) : [];
        var parts = new[] { Text(problem?["title"]), Text(problem?["detail"]) }.Concat(errors).Where(part => part.Length > 0).Distinct();
        var detail = string.Join("; ", parts);
        return detail.Length == 0 ? "" : $": {(detail.Length > LongestDetail ? $"{detail[..LongestDetail]}…" : detail.TrimEnd('.'))}";
    }

    private static string Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : node?.ToJsonString() ?? "";
}
