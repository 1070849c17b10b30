using System.Text.Json;

namespace BatchBus.Cli.Tests;

/// <summary>Lines of request files.</summary>
internal static class Requests
{
    public static string Line(string customId, string hint = "mistral-7b", string? prompt = null) => JsonSerializer.Serialize(new
    {
        custom_id = customId,
        metadata = new { model_hint = hint },
        @params = new { max_tokens = 100, messages = new[] { new { role = "user", content = prompt ?? $"About {customId}" } } },
    });

    public static string[] Lines(int count) => [.. Enumerable.Range(0, count).Select(i => Line($"lead-{i:0000}"))];

    /// <summary>Outcome by <c>custom_id</c>; throws where one is there twice.</summary>
    public static Dictionary<string, string> Outcomes(IEnumerable<string> results) => results
        .Select(line => JsonDocument.Parse(line).RootElement)
        .ToDictionary(line => line.GetProperty("custom_id").GetString()!, line => line.GetProperty("result").GetProperty("type").GetString()!);
}
