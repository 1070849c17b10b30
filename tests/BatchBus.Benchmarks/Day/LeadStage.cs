using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BatchBus.Benchmarks.Day;

/// <summary>One of the four batches that a set of leads goes through.</summary>
internal sealed record LeadStage(string Name, string Model)
{
    private const string Samples = "infra/samples/leads.jsonl";

    public static IReadOnlyList<LeadStage> All { get; } =
        [new("sales_intel", "llama-70b"), new("subject", "mistral-7b"), new("email", "mistral-7b"), new("polish", "llama-70b")];

    /// <summary>The body of a create: the stage's sample requests in turn, each with a number, so that no two are alike.</summary>
    public ReadOnlyMemory<byte> BatchBody(int leads)
    {
        var samples = File.ReadLines(Samples).Select(line => JsonNode.Parse(line)!)
            .Where(sample => ((string)sample["custom_id"]!).EndsWith($"-{Name}", StringComparison.Ordinal))
            .Select(sample => sample["params"]!)
            .ToList();
        var prompts = samples.Select(sample => (string)sample["messages"]![0]!["content"]!).ToList();
        var body = new ArrayBufferWriter<byte>(leads * 1_500);
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteString("stage", Name);
        json.WriteStartArray("requests");
        for (var i = 0; i < leads; i++)
        {
            var sample = samples[i % samples.Count];
            sample["messages"]![0]!["content"] = string.Create(CultureInfo.InvariantCulture, $"Lead {i}. {prompts[i % samples.Count]}");
            json.WriteStartObject();
            json.WriteString("custom_id", string.Create(CultureInfo.InvariantCulture, $"lead-{i:00000}"));
            json.WritePropertyName("params");
            sample.WriteTo(json);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return body.WrittenMemory;
    }
}
