using System.Globalization;
using System.Text.Json.Nodes;
using BatchBus.Inference;
using BatchBus.Inference.Catalog;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace BatchBus.Cli.Tests.RunPod;

/// <summary>The definitions in <c>infra/runpod</c> against RunPod's schema and against the catalogue of models.</summary>
public sealed class EndpointFilesTests
{
    private static readonly string Folder = Path.Combine(CommandLine.Infra, "runpod");

    [Test]
    public void There_is_one_file_for_each_built_in_model()
        => Assert.That(Directory.GetFiles(Folder, "*.json").Select(Path.GetFileNameWithoutExtension), Is.EquivalentTo(new[] { "mistral-7b", "llama-70b" }));

    [TestCase("mistral-7b")]
    [TestCase("llama-70b")]
    public void RunPod_accepts_the_file(string name) => Assert.That(EndpointSchema.ErrorsOfCreate(Read(name)), Is.Empty);

    [TestCase("mistral-7b")]
    [TestCase("llama-70b")]
    public void The_file_agrees_with_the_catalogue(string name)
    {
        var endpoint = Read(name);
        var env = endpoint["env"]!.AsObject();
        using var services = new ServiceCollection().AddBatchBusInference(new ConfigurationBuilder().Build()).BuildServiceProvider();
        var model = services.GetRequiredService<IOptionsMonitor<ModelOptions>>().Get(name);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(endpoint["name"]!.GetValue<string>(), Is.EqualTo(name));
            Assert.That(Text("OPENAI_SERVED_MODEL_NAME_OVERRIDE"), Is.EqualTo(model.ServedModel ?? name));
            Assert.That(Number("MAX_CONCURRENCY"), Is.GreaterThanOrEqualTo(model.Prefetch));
            Assert.That(Number("MAX_NUM_SEQS"), Is.GreaterThanOrEqualTo(Number("MAX_CONCURRENCY")));
            Assert.That(Number("MAX_MODEL_LEN"), Is.EqualTo(model.MaxContextTokens));
            Assert.That(endpoint["scaling"]!["requestCount"]!.GetValue<int>(), Is.EqualTo(Number("MAX_CONCURRENCY")));
            Assert.That(endpoint["timeout"]!.GetValue<int>(), Is.GreaterThanOrEqualTo(model.RequestTimeout.TotalMilliseconds));
            Assert.That(int.Parse(env["TENSOR_PARALLEL_SIZE"]?.GetValue<string>() ?? "1", CultureInfo.InvariantCulture), Is.EqualTo(endpoint["gpu"]!["count"]!.GetValue<int>()));
            Assert.That(Text("ENABLE_PROMPT_TOKENS_DETAILS"), Is.EqualTo("true"), "cached tokens would be counted as new ones");
            Assert.That(Text("GENERATION_CONFIG"), Is.EqualTo("vllm"), "the model's own defaults would replace temperature 1.0");
            Assert.That(Text("HF_TOKEN"), Is.EqualTo("${HF_TOKEN}"));
        }

        string Text(string variable) => env[variable]!.GetValue<string>();
        int Number(string variable) => int.Parse(Text(variable), CultureInfo.InvariantCulture);
    }

    private static JsonObject Read(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, $"{name}.json")))!.AsObject();
}
