using BatchBus.Cli.Batches;
using Spectre.Console;

namespace BatchBus.Cli.Tests.Batches;

public sealed class SummaryTests
{
    private static readonly ModelProgress Mistral = new(
        "mistral-7b", Requests: 10, Succeeded: 10, Errored: 0, InputTokens: 500, CachedTokens: 0, OutputTokens: 900, GpuSeconds: 4, Simulated: false,
        new ModelCost(0.00124m, "gpu_seconds", 0.00031m), 1.378m, new ManagedCost("Claude Haiku 4.5 (batch)", new DateOnly(2026, 10, 1), 0.0025m));

    [Test]
    public void What_was_canceled_or_has_expired_is_told_so_that_the_rows_come_to_the_requests()
    {
        var stopped = Mistral with { Succeeded = 5, Errored = 1 };

        Assert.That(Shown(stopped), Does.Match("canceled or expired +4\n"));
        Assert.That(Shown(Mistral), Does.Not.Contain("expired"));
    }

    [Test]
    public void No_line_ends_in_spaces() => Assert.That(Shown(Mistral).Split('\n'), Has.None.Match(@"\s$"));

    [Test]
    public void A_note_stands_only_where_there_is_a_figure()
    {
        var failed = Mistral with
        {
            Succeeded = 0,
            Errored = 10,
            InputTokens = 0,
            OutputTokens = 0,
            GpuSeconds = 0,
            Cost = new ModelCost(null, "none", 0.00031m),
            DollarsPerMillionOutputTokens = null,
            Managed = Mistral.Managed! with { Dollars = 0 },
        };

        Assert.That(Shown(Mistral), Does.Contain("\nGPU time:").And.Contain("\ncost:").And.Contain("\nmanaged API:"));
        Assert.That(Shown(failed), Does.Not.Contain("\nGPU time:").And.Not.Contain("\ncost:").And.Not.Contain("\nmanaged API:").And.Not.Contain("$0"));
        Assert.That(Shown(), Does.Contain("3 of 3 requests could be sent to no model.").And.Not.Contain("GPU"));
    }

    [Test]
    public void It_is_said_how_a_price_is_set_that_is_missing_or_need_not_hold()
    {
        var other = Mistral with { Model = "phi", Cost = new ModelCost(null, "none", null), DollarsPerMillionOutputTokens = null };
        var own = Mistral with { Cost = Mistral.Cost with { Basis = "tokens" } };
        var free = Mistral with { Cost = new ModelCost(0, "tokens", 0), DollarsPerMillionOutputTokens = 0 };

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Shown(Mistral), Does.Not.Contain("DollarsPerGpuSecond"), "RunPod's jobs are paid for at that price");
            Assert.That(Shown(other), Does.Contain("cost: phi has no price. Set BatchBus__Models__phi__DollarsPerGpuSecond"));
            Assert.That(Shown(own), Does.Contain("If the GPU is yours").And.Contain("BatchBus__Models__mistral-7b__DollarsPerGpuSecond"));
            Assert.That(Shown(free), Does.Match("cost +\\$0\n").And.Not.Contain("DollarsPerGpuSecond"));
        }
    }

    /// <summary>The summary of a batch with these models, or of one whose 3 requests could be sent to none.</summary>
    private static string Shown(params ModelProgress[] models)
    {
        using var text = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(text), Ansi = AnsiSupport.No });
        console.Profile.Width = 300;
        var total = models.Length == 0 ? 3 : models.Sum(model => model.Requests);
        new Summary(console, "set --endpoint").Show(new BatchProgress(total, models.Sum(model => model.Succeeded), models.Sum(model => model.Errored), models));
        return text.ToString();
    }
}
