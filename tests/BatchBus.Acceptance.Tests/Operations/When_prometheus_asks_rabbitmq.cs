using System.Text.RegularExpressions;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Operations;

/// <summary>A broker as it comes, asked as <c>infra/prometheus/prometheus.yml</c> says.</summary>
public sealed partial class When_prometheus_asks_rabbitmq
{
    [Test]
    public async Task Should_find_every_metric_that_the_alerts_and_the_dashboard_use()
    {
        await using var broker = await RabbitMqServer.StartAsync();
        await broker.RunCtlAsync("eval", "rabbit_amqqueue:declare(rabbit_misc:r(<<\"/\">>, queue, <<\"batch-state_error\">>), true, false, [], none, <<\"guest\">>).");
        var address = await broker.ExposeMetricsAsync();
        using var http = new HttpClient();

        // A queue tells of itself every five seconds.
        var exposed = await Eventually.ReadAsync(
            async () => await http.GetStringAsync(new Uri(address, "/metrics"))
                + await http.GetStringAsync(new Uri(address, "/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count")),
            text => text.Contains("batch-state_error", StringComparison.Ordinal),
            "the queue is seen");
        var used = new[] { Path.Combine("prometheus", "rules.yml"), Path.Combine("grafana", "dashboards", "batchbus.json") }
            .SelectMany(file => Name().Matches(File.ReadAllText(Path.Combine(Repository.Root, "infra", file))))
            .Select(match => match.Value)
            .ToHashSet();
        Assert.That(used, Has.Count.GreaterThan(4));
        Assert.That(used.Where(name => !Regex.IsMatch(exposed, $"^{name}[{{ ]", RegexOptions.Multiline)), Is.Empty);
        Assert.That(exposed, Does.Match("rabbitmq_detailed_queue_messages\\{vhost=\"/\",queue=\"batch-state_error\"\\} 0"));
        Assert.That(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "infra", "prometheus", "prometheus.yml")), Does.Contain("family: [queue_coarse_metrics, queue_consumer_count]"));
    }

    [GeneratedRegex("\\brabbitmq_[a-z_]+")]
    private static partial Regex Name();
}
