using System.Text.Json;
using System.Text.Json.Serialization;
using BatchBus.Simulator;

namespace BatchBus.Faults.Tests.Checks;

/// <summary>The requests of one batch: no other batch has the same prompts, so every call and every answer tells where it belongs.</summary>
public sealed class Workload
{
    private static readonly JsonSerializerOptions WithoutNulls = new() { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    private readonly string _name = Guid.NewGuid().ToString("N")[..12];
    private readonly int? _expiresInSeconds;
    private readonly string? _model;

    /// <param name="count">How many requests.</param>
    /// <param name="expiresInSeconds">The batch's own window; null for the usual one.</param>
    /// <param name="model">The model of all; null for the two built-in ones.</param>
    public Workload(int count, int? expiresInSeconds = null, string? model = null)
    {
        (_expiresInSeconds, _model) = (expiresInSeconds, model);
        Keys = [.. Enumerable.Range(0, count).Select(i => SimulatedAnswer.KeyOf([new ChatMessage("user", Prompt(i))]))];
        IndexByKey = Enumerable.Range(0, count).ToDictionary(i => Keys[i]);
    }

    /// <summary>Stands in every prompt of this batch and nowhere else.</summary>
    public string Name => _name;

    public int Count => Keys.Count;

    /// <summary>By the index of the request, the key under which a model's log knows it.</summary>
    public IReadOnlyList<ulong> Keys { get; }

    public IReadOnlyDictionary<ulong, int> IndexByKey { get; }

    public string Body => JsonSerializer.Serialize(new
    {
        expires_in_seconds = _expiresInSeconds,
        requests = Enumerable.Range(0, Count).Select(i => new
        {
            custom_id = CustomId(i),
            metadata = new { model_hint = ModelOf(i) },
            @params = new { max_tokens = 64, messages = new[] { new { role = "user", content = Prompt(i) } } },
        }),
    }, WithoutNulls);

    public static string CustomId(int i) => $"lead-{i:00000}";

    public string ModelOf(int i) => _model ?? (i % 4 == 3 ? "llama-70b" : "mistral-7b");

    public string Prompt(int i) => $"{_name}: research lead {i:00000} and write a sentence.";

    public string Echo(int i) => SimulatedAnswer.Echo([new ChatMessage("user", Prompt(i))]);
}
