using System.Diagnostics;
using System.Text.RegularExpressions;
using BatchBus.TestServers;

namespace BatchBus.Host.Tests.Observability;

/// <summary>The files for Prometheus, as its own tool sees them.</summary>
public sealed partial class AlertRulesTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "infra", "prometheus");

    [Test]
    public async Task Prometheus_takes_the_configuration_and_the_rules()
    {
        var (exitCode, output) = await PromtoolAsync(Folder, "check", "config", "prometheus.yml");

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.Contain("1 rule files found").And.Match("[0-9]{2} rules found"));
    }

    [Test]
    public async Task Every_rule_fires_when_it_should_and_only_then()
    {
        var (exitCode, output) = await PromtoolAsync(Folder, "test", "rules", "rules.test.yml");

        Assert.That(exitCode, Is.Zero, output);
    }

    [Test]
    public async Task A_rule_that_is_wrong_is_found_out()
    {
        var copy = Directory.CreateTempSubdirectory("batchbus-rules-");
        try
        {
            foreach (var file in new[] { "rules.yml", "rules.test.yml" })
            {
                var text = await File.ReadAllTextAsync(Path.Combine(Folder, file));
                await File.WriteAllTextAsync(Path.Combine(copy.FullName, file), text.Replace("batchbus_part_ready == 0", "batchbus_part_ready == 1", StringComparison.Ordinal));
            }

            Assert.That((await PromtoolAsync(copy.FullName, "test", "rules", "rules.test.yml")).ExitCode, Is.Not.Zero);
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    [Test]
    public async Task Every_alert_says_what_is_wrong_and_what_to_do_and_is_tested()
    {
        var rules = await File.ReadAllTextAsync(Path.Combine(Folder, "rules.yml"));
        var tests = await File.ReadAllTextAsync(Path.Combine(Folder, "rules.test.yml"));
        var alerts = Alert().Split(rules)[1..].Chunk(2).ToList();

        Assert.That(alerts, Is.Not.Empty);
        foreach (var alert in alerts)
        {
            Assert.That(alert[1], Does.Contain("severity: ").And.Contain("          summary: ").And.Contain("          action: "), alert[0]);
            Assert.That(tests, Does.Contain($"alertname=\"{alert[0]}\""), "it is seen firing");
        }
    }

    private static async Task<(int ExitCode, string Output)> PromtoolAsync(string folder, params string[] args)
    {
        Installed.Require("/usr/bin/promtool");
        var result = await Command.RunAsync(new ProcessStartInfo("/usr/bin/promtool", args) { WorkingDirectory = folder });
        return (result.ExitCode, result.Output + result.Errors);
    }

    [GeneratedRegex("- alert: (\\w+)\n")]
    private static partial Regex Alert();
}
