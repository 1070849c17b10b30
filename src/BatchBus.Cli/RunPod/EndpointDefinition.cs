using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace BatchBus.Cli.RunPod;

/// <summary>An endpoint as a file defines it: the body of the request that creates it, with <c>${NAME}</c> in <c>env</c> for what the file must not hold.</summary>
internal sealed partial class EndpointDefinition
{
    private static readonly string DefaultFolder = Path.Combine("infra", "runpod");

    public EndpointDefinition(string name, JsonObject shown, JsonObject body)
    {
        Name = name;
        Shown = shown;
        Body = body;
    }

    public string Name { get; }

    /// <summary>As the file has it.</summary>
    public JsonObject Shown { get; }

    /// <summary>With the variables filled in. Never to be shown.</summary>
    public JsonObject Body { get; }

    /// <summary>Reads the files, or without any those of <c>infra/runpod</c>.</summary>
    /// <exception cref="RunPodFailure">There is none, one cannot be used, or a variable is not set.</exception>
    public static IReadOnlyList<EndpointDefinition> ReadAll(IReadOnlyList<string> files, Secrets secrets)
    {
        if (files.Count == 0)
        {
            files = Directory.Exists(DefaultFolder) ? [.. Directory.GetFiles(DefaultFolder, "*.json").Order(StringComparer.Ordinal)] : [];
        }

        if (files.Count == 0)
        {
            throw new RunPodFailure($"There is no {Path.Combine(DefaultFolder, "*.json")} here. Change to the repository's folder, or name the files.");
        }

        var definitions = files.Select(file => Read(file, secrets)).ToList();
        return definitions.CountBy(definition => definition.Name).FirstOrDefault(count => count.Value > 1) is { Key: { } name }
            ? throw new RunPodFailure($"{string.Join(" and ", files)}: the name {name} is there twice. One file defines one endpoint.")
            : definitions;
    }

    /// <summary>Whether a value of <c>env</c> comes from elsewhere, so that neither it nor what it replaces may be shown.</summary>
    public static bool IsSecret(string value) => Variable.IsMatch(value) || value.Contains("RUNPOD_SECRET_", StringComparison.Ordinal);

    private static EndpointDefinition Read(string file, Secrets secrets)
    {
        var shown = Parse(file);
        if (shown["name"] is not JsonValue named || !named.TryGetValue<string>(out var name) || string.IsNullOrWhiteSpace(name))
        {
            throw new RunPodFailure($"{file}: \"name\" is missing. An endpoint is found again by its name.");
        }

        var body = shown.DeepClone().AsObject();
        if (body["env"] is JsonObject env)
        {
            foreach (var (key, value) in env.ToList())
            {
                if (value is not JsonValue text || !text.TryGetValue<string>(out var template))
                {
                    throw new RunPodFailure($"{file}: env.{key} is no string. Write numbers and booleans in quotes.");
                }

                env[key] = Fill(file, key, template, secrets);
            }
        }

        return new EndpointDefinition(name, shown, body);
    }

    private static JsonObject Parse(string file)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(file), documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false }) as JsonObject
                ?? throw new RunPodFailure($"{file} is no JSON object. It holds the body of RunPod's POST /v2/serverless.");
        }
        catch (JsonException exception)
        {
            throw new RunPodFailure($"{file} is no valid JSON: {exception.Message}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new RunPodFailure($"{file} cannot be read: {exception.Message}");
        }
    }

    private static string Fill(string file, string key, string template, Secrets secrets) => Variable.Replace(template, match =>
    {
        var variable = match.Groups[1].Value;
        if (Environment.GetEnvironmentVariable(variable) is not { Length: > 0 } value)
        {
            throw new RunPodFailure($"{file}: env.{key} asks for the environment variable {variable}, which is not set.");
        }

        secrets.Add(variable, value);
        return value;
    });

    [GeneratedRegex(@"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")]
    private static partial Regex Variable { get; }
}
