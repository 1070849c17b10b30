using BatchBus.Inference.Catalog;
using BatchBus.Inference.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace BatchBus.Inference.Tests.Catalog;

public sealed class ModelOptionsTests
{
    private const string Mistral = "BatchBus:Models:mistral-7b";

    [Test]
    public void Both_models_are_there_without_any_setting()
    {
        using var services = InferenceServices.Create();
        var models = services.GetRequiredService<ModelCatalog>().Models;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(models.Select(m => m.Name), Is.EqualTo(new[] { "mistral-7b", "llama-70b" }));
            Assert.That(models.Select(m => m.Endpoints), Has.All.Empty);
            Assert.That(models.Select(m => m.Prefetch), Is.EqualTo(new[] { 64, 32 }));
            Assert.That(models.Select(m => m.DollarsPerGpuSecond), Is.EqualTo(new[] { 0.00031m, 0.00152m }));
            Assert.That(models.Select(m => m.ComparedWith?.Name), Is.EqualTo(new[] { "Claude Haiku 4.5 (batch)", "Claude Sonnet 4.x (batch)" }));
            Assert.That(models.Select(m => m.ComparedWith?.OutputDollarsPerMillion), Is.EqualTo(new[] { 2.50m, 7.50m }));
        }
    }

    [TestCase("BaseUrl", "http://localhost:11434/v1/", "http://localhost:11434/v1", ModelProtocol.OpenAi)]
    [TestCase("EndpointId", "ep7b", "https://api.runpod.ai/v2/ep7b", ModelProtocol.RunPodJobs)]
    public void The_endpoint_follows_from_the_address_or_the_id(string setting, string value, string endpoint, ModelProtocol protocol)
    {
        using var services = InferenceServices.Create(($"{Mistral}:{setting}", value), ($"{Mistral}:ApiKey", "k"));
        var only = services.GetRequiredService<ModelCatalog>().Models[0].Endpoints.Single();
        Assert.That(
            (only.Name, only.Address, only.Protocol, only.ServedModel, only.MaxInFlight),
            Is.EqualTo(("mistral-7b", new Uri(endpoint), protocol, "mistral-7b", (int?)null)));
    }

    [Test]
    public void Settings_override_defaults_and_add_models()
    {
        using var services = InferenceServices.Create(
            ("BatchBus:Models:Mistral-7B:Prefetch", "8"),
            ($"{Mistral}:BaseUrl", "http://first/v1"),
            ($"{Mistral}:Fallbacks:0:EndpointId", "second"),
            ($"{Mistral}:Fallbacks:0:ApiKey", "k"),
            ($"{Mistral}:Fallbacks:0:MaxInFlight", "7"),
            ($"{Mistral}:MaxInFlight", "100"),
            ($"{Mistral}:RequestTimeout", "00:00:30"),
            ($"{Mistral}:ComparedWith:AsOf", "2026-11-02"),
            ("BatchBus:Models:qwen3-32b:BaseUrl", "http://qwen/v1"),
            ("BatchBus:Models:qwen3-32b:ServedModel", "Qwen/Qwen3-32B"),
            ("BatchBus:Routing:Stages:email", "qwen3-32b"));
        var catalog = services.GetRequiredService<ModelCatalog>();
        var mistral = catalog.Models[0];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(catalog.Models.Select(m => m.Name), Is.EqualTo(new[] { "mistral-7b", "llama-70b", "qwen3-32b" }));
            Assert.That(mistral.Prefetch, Is.EqualTo(8));
            Assert.That(
                mistral.Endpoints.Select(endpoint => (endpoint.Name, endpoint.Address.AbsoluteUri, endpoint.MaxInFlight)),
                Is.EqualTo(new[] { ("mistral-7b", "http://first/v1", (int?)100), ("mistral-7b/2", "https://api.runpod.ai/v2/second", 7) }));
            Assert.That(mistral.RequestTimeout, Is.EqualTo(TimeSpan.FromSeconds(30)));
            Assert.That(mistral.ComparedWith, Has.Property(nameof(ManagedPrice.AsOf)).EqualTo(new DateOnly(2026, 11, 2))
                .And.Property(nameof(ManagedPrice.OutputDollarsPerMillion)).EqualTo(2.50m));
            Assert.That(catalog.Models[2].Endpoints[0].ServedModel, Is.EqualTo("Qwen/Qwen3-32B"));
            Assert.That(catalog.ModelOfStage("EMAIL"), Is.EqualTo("qwen3-32b"));
            Assert.That(catalog.Stages, Is.EqualTo(new[] { "email", "polish", "sales_intel", "subject" }));
        }
    }

    [TestCase("Claude Haiku 5.5 (batch)", "Claude Haiku 5.5 (batch)", 0.05, 0.25)]
    [TestCase("claude opus 4.5 to 5", "Claude Opus 4.5 to 5", 5.00, 25.00)]
    public void A_managed_model_of_the_list_needs_no_prices(string setting, string name, decimal input, decimal output)
    {
        using var services = InferenceServices.Create(($"{Mistral}:ComparedWith:Name", setting));

        Assert.That(services.GetRequiredService<ModelCatalog>().Models[0].ComparedWith, Is.EqualTo(new ManagedPrice(name, input, output, new DateOnly(2026, 10, 1))));
    }

    [Test]
    public void Prices_of_one_s_own_need_their_date()
    {
        (string, string)[] prices = [($"{Mistral}:ComparedWith:Name", "Gemini"), ($"{Mistral}:ComparedWith:InputDollarsPerMillion", "0.1"), ($"{Mistral}:ComparedWith:OutputDollarsPerMillion", "0.4")];
        using var undated = InferenceServices.Create(prices);
        using var dated = InferenceServices.Create([.. prices, ($"{Mistral}:ComparedWith:AsOf", "2026-11-02")]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => undated.GetRequiredService<IStartupValidator>().Validate(), Throws.TypeOf<OptionsValidationException>().With.Message.EqualTo(
                "BatchBus:Models:mistral-7b:ComparedWith:AsOf is missing; set the day on which these prices were read, such as 2026-10-01."));
            Assert.That(dated.GetRequiredService<ModelCatalog>().Models[0].ComparedWith, Is.EqualTo(new ManagedPrice("Gemini", 0.1m, 0.4m, new DateOnly(2026, 11, 2))));
        }
    }

    [Test]
    public void A_host_can_point_models_without_an_endpoint_somewhere()
    {
        var services = new ServiceCollection();
        using var provider = services
            .AddBatchBusInference(new Microsoft.Extensions.Configuration.ConfigurationManager { [$"{Mistral}:BaseUrl"] = "http://own/v1" })
            .PostConfigureAll<ModelOptions>(options =>
            {
                if (!options.HasEndpoint)
                {
                    options.BaseUrl = "http://127.0.0.1:9/v2/simulated";
                    options.Protocol = ModelProtocol.RunPodJobs;
                }
            })
            .BuildServiceProvider();
        var models = provider.GetRequiredService<ModelCatalog>().Models;
        Assert.That(models.Select(m => (m.Endpoints[0].Address.Host, m.Endpoints[0].Protocol)), Is.EqualTo(new[] { ("own", ModelProtocol.OpenAi), ("127.0.0.1", ModelProtocol.RunPodJobs) }));
    }

    [Test]
    public void A_model_without_an_endpoint_has_no_client()
    {
        using var services = InferenceServices.Create();
        Assert.That(
            () => services.GetRequiredKeyedService<IModelClient>("llama-70b"),
            Throws.InvalidOperationException.With.Message.EqualTo(
                "The model llama-70b has no endpoint; set BatchBus:Models:llama-70b:BaseUrl or BatchBus:Models:llama-70b:EndpointId."));
    }

    [TestCase("Models:Qwen_3:Prefetch", "8", "BatchBus:Models:Qwen_3 is no model name: use up to 64 lower-case letters, digits, dots and hyphens, and begin with a letter or digit.")]
    [TestCase("Models:mistral-7b:BaseUrl", "localhost:8000", "BatchBus:Models:mistral-7b:BaseUrl is no absolute http or https address without user, query and fragment; use one such as http://localhost:8000/v1.")]
    [TestCase("Models:mistral-7b:BaseUrl", "http://u:secret@host/v1", "BatchBus:Models:mistral-7b:BaseUrl is no absolute http or https address without user, query and fragment; use one such as http://localhost:8000/v1.")]
    [TestCase("Models:mistral-7b:EndpointId", "v2/ep", "BatchBus:Models:mistral-7b:EndpointId holds more than letters, digits, '-' and '_'; set the id alone, or the whole address as BaseUrl.")]
    [TestCase("Models:mistral-7b:EndpointId", "ep7b", "BatchBus:Models:mistral-7b:ApiKey is missing: RunPod asks for one; create it in RunPod's console and set it here.")]
    [TestCase("Models:mistral-7b:ApiKey", "key\n", "BatchBus:Models:mistral-7b:ApiKey holds a blank, a line break or a character outside ASCII; set the bare key.")]
    [TestCase("Models:mistral-7b:Protocol", "7", "BatchBus:Models:mistral-7b:Protocol is unknown; use RunPodJobs or OpenAi.")]
    [TestCase("Models:mistral-7b:Prefetch", "0", "BatchBus:Models:mistral-7b:Prefetch is 0; set a number from 1 to 65536.")]
    [TestCase("Models:mistral-7b:MaxInFlight", "-5", "BatchBus:Models:mistral-7b:MaxInFlight is -5; set a number from 1 to 65536.")]
    [TestCase("Models:mistral-7b:Fallbacks:0:ServedModel", "m", "BatchBus:Models:mistral-7b:Fallbacks:0 names no endpoint; set BaseUrl or EndpointId.")]
    [TestCase("Models:mistral-7b:Fallbacks:0:BaseUrl", "http://h/v1", "BatchBus:Models:mistral-7b:Fallbacks stand in for an endpoint that is not set; set BaseUrl or EndpointId of the model itself.")]
    [TestCase("Models:mistral-7b:MaxContextTokens", "0", "BatchBus:Models:mistral-7b:MaxContextTokens is 0; set a positive number or leave it out.")]
    [TestCase("Models:mistral-7b:MaxStopSequences", "-1", "BatchBus:Models:mistral-7b:MaxStopSequences is -1; set the number that the endpoint accepts, or 0 for none.")]
    [TestCase("Models:mistral-7b:RequestTimeout", "00:00:00", "BatchBus:Models:mistral-7b:RequestTimeout is 00:00:00; set a time above zero and up to 24 hours, such as 00:05:00.")]
    [TestCase("Models:mistral-7b:PollInterval", "00:00:09", "BatchBus:Models:mistral-7b:PollInterval (00:00:09) is longer than MaxPollInterval (00:00:05); make it the shorter one.")]
    [TestCase("Models:mistral-7b:DollarsPerGpuSecond", "-1", "BatchBus:Models:mistral-7b:DollarsPerGpuSecond is negative; set dollars per second, such as 0.00031.")]
    [TestCase("Models:qwen3:ComparedWith:InputDollarsPerMillion", "1", "BatchBus:Models:qwen3:ComparedWith:Name is missing; name the managed model whose prices these are.")]
    [TestCase("Models:mistral-7b:ComparedWith:OutputDollarsPerMillion", "-1", "BatchBus:Models:mistral-7b:ComparedWith holds a negative price; set dollars per million tokens.")]
    [TestCase("Models:mistral-7b:ComparedWith:OutputDollarsPerMillion", "1", "BatchBus:Models:mistral-7b:ComparedWith holds one price only; set InputDollarsPerMillion and OutputDollarsPerMillion, or neither.")]
    [TestCase("Models:mistral-7b:ComparedWith:Name", "Gemini", "BatchBus:Models:mistral-7b:ComparedWith:Name is \"Gemini\", whose prices are not built in; set InputDollarsPerMillion, OutputDollarsPerMillion and AsOf beside it, or name one of Claude Haiku 5.5, Claude Haiku 5.5 (batch), Claude Haiku 4.5, Claude Haiku 4.5 (batch), Claude Sonnet 5.5, Claude Sonnet 5.5 (batch), Claude Sonnet 5, Claude Sonnet 5 (batch), Claude Sonnet 4.x, Claude Sonnet 4.x (batch), Claude Opus 5.5, Claude Opus 5.5 (batch), Claude Opus 4.5 to 5, Claude Opus 4.5 to 5 (batch).")]
    [TestCase("Routing:Stages:email", "gpt", "BatchBus:Routing:Stages:email names the model \"gpt\", which is not in the catalogue; use one of mistral-7b, llama-70b, or configure BatchBus:Models:gpt.")]
    [TestCase("Routing:DefaultModel", "gpt", "BatchBus:Routing:DefaultModel names the model \"gpt\", which is not in the catalogue; use one of mistral-7b, llama-70b, or configure BatchBus:Models:gpt.")]
    public void A_bad_setting_stops_the_start_with_its_name_and_the_fix(string key, string value, string message)
    {
        using var services = InferenceServices.Create(($"BatchBus:{key}", value));
        Assert.That(() => services.GetRequiredService<IStartupValidator>().Validate(), Throws.TypeOf<OptionsValidationException>().With.Property("Failures").Contains(message));
    }

    [Test]
    public void The_protocol_OpenAi_needs_an_address()
    {
        using var services = InferenceServices.Create(($"{Mistral}:Protocol", "OpenAi"), ($"{Mistral}:EndpointId", "ep"), ($"{Mistral}:ApiKey", "k"));
        Assert.That(() => services.GetRequiredService<IStartupValidator>().Validate(), Throws.TypeOf<OptionsValidationException>().With.Message.EqualTo(
            "BatchBus:Models:mistral-7b:BaseUrl is missing: the protocol OpenAi needs an address such as http://host/v1, or use the protocol RunPodJobs with EndpointId."));
    }

    [Test]
    public void An_alias_needs_a_pattern_and_a_model()
    {
        using var services = InferenceServices.Create(("BatchBus:Routing:Aliases:0:Pattern", ""), ("BatchBus:Routing:Aliases:0:Model", "gpt"));
        Assert.That(() => services.GetRequiredService<IStartupValidator>().Validate(), Throws.TypeOf<OptionsValidationException>().With.Property("Failures").EqualTo(new[]
        {
            "BatchBus:Routing:Aliases:0:Model names the model \"gpt\", which is not in the catalogue; use one of mistral-7b, llama-70b, or configure BatchBus:Models:gpt.",
            "BatchBus:Routing:Aliases:0:Pattern is missing; set a pattern such as gpt-4o-*.",
        }));
    }

    [TestCase("Models:mistral-7b:Prefech", "Prefech")]
    [TestCase("Routing:Stage", "Stage")]
    public void A_misspelt_setting_stops_the_start(string key, string name)
    {
        using var services = InferenceServices.Create(($"BatchBus:{key}", "8"));
        Assert.That(() => services.GetRequiredService<IStartupValidator>().Validate(), Throws.InvalidOperationException.With.Message.Contains($"'{name}'"));
    }

    [Test]
    public void Default_settings_are_valid()
    {
        using var services = InferenceServices.Create();
        Assert.That(() => services.GetRequiredService<IStartupValidator>().Validate(), Throws.Nothing);
    }

    [Test]
    public void The_catalogue_never_shows_a_key()
    {
        using var services = InferenceServices.Create(($"{Mistral}:BaseUrl", "http://h/v1"), ($"{Mistral}:ApiKey", "sk-secret"));
        var model = services.GetRequiredService<ModelCatalog>().Models[0];
        Assert.That($"{model} {System.Text.Json.JsonSerializer.Serialize(model)}", Does.Not.Contain("sk-secret").And.Contain("mistral-7b"));
    }
}
