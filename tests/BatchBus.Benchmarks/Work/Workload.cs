using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using BatchBus.Simulator;

namespace BatchBus.Benchmarks.Work;

/// <summary>Requests whose answers tell which request they belong to; the same name and count give the same requests in every process.</summary>
/// <param name="Name">Tells the workloads of one run apart, so that no two requests are alike.</param>
/// <param name="Count">Number of requests.</param>
/// <param name="PromptCharacters">Least length of a prompt.</param>
internal sealed record Workload(string Name, int Count, int PromptCharacters = 0)
{
    private const int MaxTokens = 200;

    /// <summary>The body of a create.</summary>
    public ReadOnlyMemory<byte> BatchBody()
    {
        var body = new ArrayBufferWriter<byte>(Count * (200 + PromptCharacters));
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteStartArray("requests");
        for (var i = 0; i < Count; i++)
        {
            json.WriteStartObject();
            json.WriteString("custom_id", CustomId(i));
            json.WriteStartObject("metadata");
            json.WriteString("model_hint", "mistral-7b");
            json.WriteEndObject();
            json.WriteStartObject("params");
            WriteParameters(json, i);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return body.WrittenMemory;
    }

    /// <summary>The body of a direct call to the model.</summary>
    public byte[] CallBody(int i)
    {
        var body = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteString("model", "mistral-7b");
        WriteParameters(json, i);
        json.WriteEndObject();
        json.Flush();
        return body.WrittenSpan.ToArray();
    }

    /// <summary>Writes one line per request: <c>custom_id</c> and <c>params</c>, the body of a direct call.</summary>
    public void WriteJsonLines(Stream output)
    {
        for (var i = 0; i < Count; i++)
        {
            output.Write(Encoding.UTF8.GetBytes($"{{\"custom_id\":\"{CustomId(i)}\",\"params\":"));
            output.Write(CallBody(i));
            output.Write("}\n"u8);
        }
    }

    /// <summary>Holds a batch's results file against what was asked.</summary>
    public Correctness CheckResults(ReadOnlyMemory<byte> jsonLines)
        => Check(jsonLines, line => line.GetProperty("result") is var result && result.GetProperty("type").GetString() == "succeeded"
            ? result.GetProperty("message").GetProperty("content")[0].GetProperty("text").GetString()!
            : "");

    /// <summary>Holds lines of <c>custom_id</c> and <c>text</c>, as the rivals write them, against what was asked.</summary>
    public Correctness CheckAnswers(ReadOnlyMemory<byte> jsonLines) => Check(jsonLines, line => line.GetProperty("text").GetString()!);

    public static string CustomId(int i) => string.Create(CultureInfo.InvariantCulture, $"lead-{i:000000}");

    private static int IndexOf(string customId) => int.Parse(customId.AsSpan("lead-".Length), CultureInfo.InvariantCulture);

    private Correctness Check(ReadOnlyMemory<byte> jsonLines, Func<JsonElement, string> textOf)
    {
        var seen = new int[Count];
        var misplaced = 0;
        while (!jsonLines.IsEmpty)
        {
            var end = jsonLines.Span.IndexOf((byte)'\n');
            using var line = JsonDocument.Parse(jsonLines[..end]);
            jsonLines = jsonLines[(end + 1)..];
            var i = IndexOf(line.RootElement.GetProperty("custom_id").GetString()!);
            seen[i]++;
            if (!textOf(line.RootElement).Contains(SimulatedAnswer.Echo([new ChatMessage("user", Prompt(i))]), StringComparison.Ordinal))
            {
                misplaced++;
            }
        }

        return new Correctness(seen.Count(times => times == 0), seen.Sum(times => Math.Max(0, times - 1)), misplaced);
    }

    private void WriteParameters(Utf8JsonWriter json, int i)
    {
        json.WriteNumber("max_tokens", MaxTokens);
        json.WriteStartArray("messages");
        json.WriteStartObject();
        json.WriteString("role", "user");
        json.WriteString("content", Prompt(i));
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private string Prompt(int i)
    {
        var prompt = new StringBuilder(PromptCharacters + 100)
            .Append(CultureInfo.InvariantCulture, $"Research lead {i:000000} of {Name} and write two sentences for the first e-mail to them.");
        while (prompt.Length < PromptCharacters)
        {
            prompt.Append(CultureInfo.InvariantCulture, $" Note {prompt.Length}: they met us at the fair and asked for prices, terms and a visit.");
        }

        return prompt.ToString();
    }
}
