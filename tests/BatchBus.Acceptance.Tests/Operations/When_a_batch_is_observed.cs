using System.Text.Json;
using System.Text.RegularExpressions;
using BatchBus.Acceptance.Tests.Serving;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Operations;

/// <summary>What traces, metrics and logs say of one batch, a few of whose calls fail at first.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed partial class When_a_batch_is_observed(Mode mode)
{
    private const int Count = 60;

    private const int Server = 2;
    private const int Client = 3;

    private TraceReceiver _traces = null!;
    private Installation _installation = null!;
    private string _id = null!;
    private string _answer = null!;
    private IReadOnlyList<ReceivedSpan> _spans = null!;

    private IEnumerable<ReceivedSpan> Calls => _spans.Where(span => span.Kind == Client && span.Scope == "BatchBus");

    private IEnumerable<ReceivedSpan> Pages => _spans.Where(span => span.Name == "execute mistral-7b");

    [OneTimeSetUp]
    public async Task RunAsync()
    {
        _traces = await TraceReceiver.StartAsync();
        _installation = await Installation.StartAsync(mode, SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(20)), settings: new Dictionary<string, string>(_traces.Settings)
        {
            ["BatchBus__LogFormat"] = "json",
            ["BatchBus__LogLevel"] = "Debug",
            ["BatchBus__Models__mistral-7b__Prefetch"] = "4",
        });
        foreach (var i in new[] { 3, 33 })
        {
            _installation.Simulator.Endpoint("v1").Inject(
                new SimulatedFault(SimulatedFaultKind.HttpStatus) { Status = 500, Times = 1, Marker = Leads.Prompt(i), Message = $"about: {Leads.Prompt(i)}" });
        }

        _id = await _installation.SubmitAsync(Leads.Batch(Count, _ => "mistral-7b"));
        Leads.AssertAllSucceeded(await _installation.EndAsync(_id, TimeSpan.FromSeconds(60)), Count);
        _answer = (await _installation.ResultsAsync(_id))[0].GetProperty("result").GetProperty("message").GetProperty("content")[0].GetProperty("text").GetString()!;
        _spans = await Eventually.ReadAsync(
            () => Task.FromResult(_traces.Spans),
            spans => spans.Count(span => span.Name == "execute mistral-7b") is > 0 and var pages
                && spans.Count(span => span.Name.Contains("RequestsCompleted", StringComparison.Ordinal) && span.Kind == 4) >= pages
                && spans.Count(span => span.Name == "chat mistral-7b" && !span.HasError) == Count,
            "every page and call is traced");
    }

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        await _installation.DisposeAsync();
        await _traces.DisposeAsync();
    }

    [Test]
    public void A_trace_follows_a_request_from_its_create_to_the_call_and_back_to_the_report()
    {
        var create = _spans.Single(span => span.Kind == Server && (string?)span.Attributes["url.path"] == "/v1/messages/batches");
        var call = Calls.Single(span => (string?)span.Attributes["batchbus.custom_id"] == Leads.CustomId(0));
        var path = PathOf(call).ToList();
        TestContext.Out.WriteLine(string.Join(" <- ", path.Select(span => $"{span.Scope}: {span.Name}")));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(path[^1], Is.EqualTo(create));
            Assert.That(path[1].Name, Is.EqualTo("execute mistral-7b"));
            Assert.That(create.Name, Is.EqualTo("POST /v1/messages/batches/"));
            Assert.That(create.Attributes["http.response.status_code"], Is.EqualTo(200));
            var report = _spans.Where(span => span.ParentId == path[1].SpanId && span.Scope == "MassTransit").ToList();
            Assert.That(report, Has.Count.EqualTo(1), "the page's report");
            Assert.That(_spans.Any(span => span.ParentId == report[0].SpanId && span.Kind == 5), "the report is consumed");
        }
    }

    [Test]
    public void A_page_that_is_sent_later_has_a_trace_of_its_own_and_a_link_to_the_create()
    {
        var create = _spans.Single(span => span.Kind == Server && (string?)span.Attributes["url.path"] == "/v1/messages/batches");
        var own = Pages.Where(page => page.TraceId != create.TraceId).ToList();

        Assert.That(own, Is.Not.Empty);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(own.Select(page => page.ParentId), Is.All.Empty);
            Assert.That(own.Select(page => page.TraceId), Is.Unique);
            Assert.That(own.Select(page => page.Links[0].TraceId), Is.All.EqualTo(create.TraceId));
            Assert.That(Pages.Select(page => page.Attributes["batchbus.batch.id"]), Is.All.EqualTo(_id));
        }
    }

    [Test]
    public void A_call_is_described_by_the_conventions_for_generative_ai()
    {
        var call = Calls.Single(span => (string?)span.Attributes["batchbus.custom_id"] == Leads.CustomId(7));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(call.Name, Is.EqualTo("chat mistral-7b"));
            Assert.That(call.Attributes["gen_ai.operation.name"], Is.EqualTo("chat"));
            Assert.That(call.Attributes["gen_ai.provider.name"], Is.EqualTo("openai"));
            Assert.That(call.Attributes["gen_ai.request.model"], Is.EqualTo("mistral-7b"));
            Assert.That(call.Attributes["gen_ai.response.model"], Is.EqualTo("mistral-7b"));
            Assert.That(call.Attributes["gen_ai.response.finish_reasons"], Is.EqualTo(new[] { "end_turn" }));
            Assert.That(call.Attributes["gen_ai.usage.input_tokens"], Is.TypeOf<long>().And.Positive);
            Assert.That(call.Attributes["gen_ai.usage.output_tokens"], Is.TypeOf<long>().And.Positive);
            Assert.That(call.Attributes["server.address"], Is.EqualTo("127.0.0.1"));
            Assert.That(call.Attributes["batchbus.endpoint"], Is.EqualTo("mistral-7b"));
            Assert.That(call.Attributes["batchbus.batch.id"], Is.EqualTo(_id));
            Assert.That(call.Attributes, Does.Not.ContainKey("error.type"));
        }
    }

    [Test]
    public void A_call_that_fails_says_so_and_the_next_for_its_request_stands_beside_it()
    {
        var calls = Calls.Where(span => (string?)span.Attributes["batchbus.custom_id"] == Leads.CustomId(33)).ToList();

        Assert.That(calls, Has.Count.EqualTo(2));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(calls.Count(call => call.HasError), Is.EqualTo(1));
            Assert.That(calls.Single(call => call.HasError).Attributes["error.type"], Is.EqualTo("ServerError"));
            Assert.That(calls[0].ParentId, Is.EqualTo(calls[1].ParentId));
        }
    }

    [Test]
    public void What_only_machines_ask_is_not_traced()
        => Assert.That(_spans.Where(span => span.Kind == Server).Select(span => span.Attributes["url.path"]), Is.Not.Empty.And.None.StartsWith("/health").And.None.EqualTo("/metrics"));

    [Test]
    public async Task Nothing_tells_a_prompt_an_answer_or_a_key()
    {
        var said = new[] { _installation.Output, await _installation.Http.GetStringAsync("/metrics"), await _installation.Http.GetStringAsync("/health/ready") };

        foreach (var secret in new[] { "Research lead", "trade fair", _answer[..16], _answer[^16..], "model-key" })
        {
            Assert.That(said, Has.None.Contains(secret));
            Assert.That(_traces.Tells(secret), Is.False, secret);
        }

        Assert.That(_traces.Tells("mistral-7b") && said[0].Contains("mistral-7b", StringComparison.Ordinal), "something is said");
    }

    [Test]
    public void The_log_is_json_with_batch_request_and_trace()
    {
        var lines = _installation.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();

        var failed = lines.Single(line => TextOf(line, "CustomId") == Leads.CustomId(33) && TextOf(line, "@l") == "Debug");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(TextOf(failed, "BatchId"), Is.EqualTo(_id));
            Assert.That(TextOf(failed, "Error"), Is.EqualTo("ServerError"));
            Assert.That(Calls.Select(call => call.TraceId), Does.Contain(TextOf(failed, "@tr")));
            Assert.That(lines.Select(line => TextOf(line, "@m")), Has.Some.Contains("BatchBus listens on").And.Some.Contains("ended (Completed)").And.Some.EqualTo($"{_id} began. Requests: {Count} ({Count} for mistral-7b)"));
        }
    }

    [Test]
    public async Task The_metrics_count_the_batch()
    {
        var metrics = await MetricsAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ValueOf(metrics, "batchbus_requests_completed_total", "outcome=\"succeeded\""), Is.EqualTo(Count));
            Assert.That(ValueOf(metrics, "batchbus_batch_duration_seconds_count", "reason=\"completed\""), Is.EqualTo(1));
            Assert.That(ValueOf(metrics, "gen_ai_client_operation_duration_seconds_count", "error_type=\"ServerError\""), Is.EqualTo(2));
            Assert.That(ValueOf(metrics, "gen_ai_client_token_usage_count", "gen_ai_token_type=\"output\""), Is.EqualTo(Count));
            Assert.That(ValueOf(metrics, "gen_ai_client_token_usage_sum", "gen_ai_token_type=\"output\""), Is.EqualTo(Calls.Sum(call => call.Attributes.TryGetValue("gen_ai.usage.output_tokens", out var tokens) ? (long)tokens! : 0)));
            Assert.That(ValueOf(metrics, "batchbus_requests_waiting", "model=\"mistral-7b\""), Is.Zero);
            Assert.That(ValueOf(metrics, "batchbus_results_store_duration_seconds_count", ""), Is.Positive);
            Assert.That(ValueOf(metrics, "batchbus_part_ready", "part=\"rabbitmq\""), Is.EqualTo(1));
            Assert.That(ValueOf(metrics, "batchbus_clock_ahead_seconds", ""), Is.EqualTo(0).Within(5));
            Assert.That(metrics, Does.Match("(?m)^target_info\\{.*service_name=\"batchbus\""));
            Assert.That(metrics, Does.Not.Contain(_id).And.Not.Contain("lead-0"), "no label per batch or request");
        }
    }

    [Test]
    public async Task The_documented_metrics_are_those_there_are_and_the_dashboard_and_the_alerts_use_no_others()
    {
        if (mode is Mode.Embedded)
        {
            Assert.That(await _installation.Http.GetStringAsync("/metrics"), Does.Contain("batchbus_requests_completed_total"), "the embedded store says less of itself; the rest is the real one's");
            return;
        }

        var text = await MetricsAsync();
        var exported = TypeLine().Matches(text).Select(match => match.Groups[1].Value).ToHashSet();
        var own = exported.Where(name => name.StartsWith("batchbus_", StringComparison.Ordinal) || name.StartsWith("gen_ai_", StringComparison.Ordinal));
        var documented = TableLine().Matches(await File.ReadAllTextAsync(Path.Combine(Infra, "prometheus", "README.md"))).Select(match => match.Groups[1].Value);
        Assert.That(own, Is.EquivalentTo(documented));

        var dashboard = Expression().Matches(await File.ReadAllTextAsync(Path.Combine(Infra, "grafana", "dashboards", "batchbus.json"))).Select(match => match.Value);
        foreach (var used in new[] { MetricsIn(string.Join('\n', dashboard)), MetricsIn(await File.ReadAllTextAsync(Path.Combine(Infra, "prometheus", "rules.yml"))) })
        {
            Assert.That(used, Has.Count.GreaterThan(8));
            Assert.That(used.Where(name => !exported.Contains(name)), Is.Empty);
        }
    }

    private static string Infra => Path.Combine(Repository.Root, "infra");

    private IEnumerable<ReceivedSpan> PathOf(ReceivedSpan span)
    {
        var byId = _spans.Where(other => other.TraceId == span.TraceId).ToDictionary(other => other.SpanId);
        for (ReceivedSpan? at = span; at is not null; at = at.ParentId.Length > 0 ? byId[at.ParentId] : null)
        {
            yield return at;
        }
    }

    /// <summary>What is read from the store, and of the parts, is read every few seconds.</summary>
    private Task<string> MetricsAsync() => Eventually.ReadAsync(
        () => _installation.Http.GetStringAsync("/metrics"),
        text => ValueOf(text, "batchbus_batches_open", "model=\"mistral-7b\"") == 0 && ValueOf(text, "batchbus_part_ready", "part=\"rabbitmq\"") > 0,
        "the batch is open no more, and the parts were looked at");

    private static double ValueOf(string metrics, string name, string label) => metrics.Split('\n')
        .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line[name.Length] is '{' or ' ' && line.Contains(label, StringComparison.Ordinal))
        .Select(line => double.Parse(line[(line.IndexOf('}', StringComparison.Ordinal) + 2)..].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture))
        .DefaultIfEmpty(double.NaN)
        .Sum();

    private static string? TextOf(JsonElement line, string name) => line.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>The names of ours and of .NET in expressions, without those of labels.</summary>
    private static HashSet<string> MetricsIn(string expressions)
        => [.. OwnName().Matches(Labels().Replace(expressions, "")).Select(match => HistogramPart().Replace(match.Value, ""))];

    [GeneratedRegex("\"expr\": .*")]
    private static partial Regex Expression();

    [GeneratedRegex("\\b(by|on) \\([^)]*\\)|\\{[^{}]*\\}")]
    private static partial Regex Labels();

    [GeneratedRegex("^# TYPE (\\S+) ", RegexOptions.Multiline)]
    private static partial Regex TypeLine();

    [GeneratedRegex("^\\| `([a-z_]+)` \\|", RegexOptions.Multiline)]
    private static partial Regex TableLine();

    [GeneratedRegex("\\b(batchbus|gen_ai|dotnet|http_server)_[a-z_]+")]
    private static partial Regex OwnName();

    [GeneratedRegex("_(bucket|count|sum)$")]
    private static partial Regex HistogramPart();
}
