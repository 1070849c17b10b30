using BatchBus.Inference.Catalog;
using BatchBus.Inference.Routing;
using CsCheck;
using Microsoft.Extensions.DependencyInjection;

namespace BatchBus.Inference.Tests.Routing;

public sealed class ModelRouterTests
{
    private ServiceProvider _services = null!;
    private ModelRouter _router = null!;

    [OneTimeSetUp]
    public void CreateRouter()
    {
        _services = InferenceServices.Create();
        _router = _services.GetRequiredService<ModelRouter>();
    }

    [OneTimeTearDown]
    public void Dispose() => _services.Dispose();

    [TestCase("llama-70b", "email", "mistral-7b", "llama-70b", RouteRule.ModelHint)]
    [TestCase("LLAMA-70B", null, null, "llama-70b", RouteRule.ModelHint)]
    [TestCase(null, "sales_intel", "mistral-7b", "llama-70b", RouteRule.RequestStage)]
    [TestCase(null, "subject", "llama-70b", "mistral-7b", RouteRule.RequestStage)]
    [TestCase(null, "email", null, "mistral-7b", RouteRule.RequestStage)]
    [TestCase(null, "polish", null, "llama-70b", RouteRule.RequestStage)]
    [TestCase(null, null, "llama-70b", "llama-70b", RouteRule.Model)]
    [TestCase(null, null, "claude-haiku-4-5-20251001", "mistral-7b", RouteRule.Alias)]
    [TestCase(null, null, "claude-sonnet-4-5", "llama-70b", RouteRule.Alias)]
    [TestCase(null, null, "claude-opus-4-1", "llama-70b", RouteRule.Alias)]
    [TestCase(null, null, null, "mistral-7b", RouteRule.Default)]
    public void Route_takes_the_first_match(string? hint, string? stage, string? model, string expected, RouteRule rule)
    {
        var decision = _router.Route(hint, stage, model);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((decision.Model, decision.Rule, decision.Failure), Is.EqualTo((expected, rule, (InferenceOutcome.Refused?)null)));
            Assert.That(decision.YieldsToBatchStage, Is.EqualTo(hint is null && stage is null));
        }
    }

    [TestCase("gpt-9", "email", "mistral-7b", RouteRule.ModelHint, "metadata.model_hint: unknown model \"gpt-9\"; known models: mistral-7b, llama-70b")]
    [TestCase(null, "emial", "mistral-7b", RouteRule.RequestStage, "metadata.stage: unknown stage \"emial\"; known stages: email, polish, sales_intel, subject")]
    [TestCase(null, null, "gpt-9", RouteRule.Model, "model: unknown model \"gpt-9\"; known models: mistral-7b, llama-70b")]
    [TestCase(null, null, "", RouteRule.Model, "model: unknown model \"\"; known models: mistral-7b, llama-70b")]
    [TestCase(null, null, "xclaude-haiku-4", RouteRule.Model, "model: unknown model \"xclaude-haiku-4\"; known models: mistral-7b, llama-70b")]
    public void Route_of_an_unknown_name_fails_and_lists_the_known_ones(string? hint, string? stage, string? model, RouteRule rule, string message)
    {
        var decision = _router.Route(hint, stage, model);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(decision.Failure, Is.EqualTo(new InferenceOutcome.Refused("not_found_error", message)));
            Assert.That((decision.HasModel, decision.Model, decision.Rule), Is.EqualTo((false, (string?)null, rule)));
            Assert.That(decision.YieldsToBatchStage, Is.EqualTo(rule == RouteRule.Model));
        }
    }

    [Test]
    public void Route_echoes_a_long_name_shortened_and_never_half_a_character()
    {
        var decision = _router.Route(new string('x', 99) + "😀 and so on", null, null);
        Assert.That(decision.Failure?.Message, Does.StartWith($"metadata.model_hint: unknown model \"{new string('x', 99)}...\";"));
    }

    [Test]
    public void RouteBatchStage_decides_for_requests_that_yield()
    {
        var decision = _router.RouteBatchStage("Sales_Intel");
        Assert.That((decision.Model, decision.Rule, decision.YieldsToBatchStage), Is.EqualTo(("llama-70b", RouteRule.BatchStage, false)));
    }

    [Test]
    public void HasStage_tells_known_stages()
    {
        var catalog = _services.GetRequiredService<ModelCatalog>();
        Assert.That((catalog.HasStage("email"), catalog.HasStage("emial")), Is.EqualTo((true, false)));
    }

    [Test]
    public void Configured_aliases_replace_the_defaults_and_match_in_order()
    {
        using var services = InferenceServices.Create(
            ("BatchBus:Routing:Aliases:0:Pattern", "gpt-*-mini"), ("BatchBus:Routing:Aliases:0:Model", "mistral-7b"),
            ("BatchBus:Routing:Aliases:1:Pattern", "gpt-*"), ("BatchBus:Routing:Aliases:1:Model", "llama-70b"));
        var router = services.GetRequiredService<ModelRouter>();
        Assert.That(
            new[] { "gpt-5-mini", "GPT-5", "claude-haiku-4" }.Select(model => router.Route(null, null, model).Model),
            Is.EqualTo(new[] { "mistral-7b", "llama-70b", null }));
    }

    [Test]
    public void Precedence_holds_whatever_is_named()
    {
        var name = Gen.OneOf<string?>(null, "mistral-7b", "llama-70b", "claude-opus-4", "nobody", "");
        var stage = Gen.OneOf<string?>(null, "email", "polish", "nothing");
        Gen.Select(name, stage, name).Sample((hint, own, model) =>
        {
            var decision = _router.Route(hint, own, model);
            var alone = hint is not null ? _router.Route(hint, null, null)
                : own is not null ? _router.Route(null, own, null)
                : _router.Route(null, null, model);
            return decision == alone
                && decision.HasModel == (decision.Failure is null)
                && decision.YieldsToBatchStage == (hint is null && own is null)
                && (decision.Rule == RouteRule.ModelHint) == (hint is not null)
                && (decision.Rule == RouteRule.RequestStage) == (hint is null && own is not null)
                && (decision.Rule == RouteRule.Default) == (hint is null && own is null && model is null);
        });
    }

    [Test]
    public void Route_of_known_names_allocates_nothing()
    {
        RouteAll();
        var before = GC.GetAllocatedBytesForCurrentThread();
        RouteAll();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void RouteAll()
        {
            for (var i = 0; i < 100; i++)
            {
                _router.Route("llama-70b", null, null);
                _router.Route(null, "email", "claude-opus-4");
                _router.Route(null, null, "claude-opus-4");
                _router.Route(null, null, null);
            }
        }
    }
}
