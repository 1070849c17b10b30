using System.Text.Json.Nodes;

namespace BatchBus.Simulator.Tests;

public sealed class ScriptingTests
{
    private RunningSimulator _simulator = null!;

    [SetUp]
    public async Task StartAsync() => _simulator = await RunningSimulator.StartAsync();

    [TearDown]
    public async Task StopAsync() => await _simulator.DisposeAsync();

    [Test]
    public async Task Every_setting_can_be_made_over_HTTP()
    {
        var answer = await PutAsync(
            """
            {"latency":"lognormal:200ms,0.5","token_rate":"rtx-4090-mistral-7b","time_scale":60,"max_concurrency":32,
             "workers":{"min":1,"max":3,"concurrency":8,"cold_start":"90s","idle_timeout":"5s","capacity":2},"dead_workers":1,
             "outage":{"status":503,"body":"closed","content_type":"text/plain"},"rate_limits":"runpod","retention":"60s",
             "faults":[{"kind":"vllm_error","status":500,"probability":0.1,"seed":7,"marker":"x","times":3},{"kind":"reset","on":"status"}]}
            """);

        var endpoint = _simulator.Endpoint;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer, Is.EqualTo((204, "")));
            Assert.That(endpoint.Latency, Is.EqualTo(SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(200), 0.5)));
            Assert.That(endpoint.TokenRate, Is.SameAs(SimulatedTokenRate.Rtx4090Mistral7B));
            Assert.That(endpoint.TimeScale, Is.EqualTo(60));
            Assert.That(endpoint.MaxConcurrency, Is.EqualTo(32));
            Assert.That(endpoint.Workers, Is.EqualTo(new SimulatedWorkers
            {
                Min = 1,
                Max = 3,
                Concurrency = 8,
                ColdStart = TimeSpan.FromSeconds(90),
                IdleTimeout = TimeSpan.FromSeconds(5),
                Capacity = 2,
            }));
            Assert.That(endpoint.DeadWorkers, Is.EqualTo(1));
            Assert.That(endpoint.Outage, Is.EqualTo(SimulatedOutage.Answer(503, "closed", "text/plain")));
            Assert.That(endpoint.RateLimits, Is.SameAs(SimulatedRateLimits.RunPod));
            Assert.That(endpoint.Retention, Is.EqualTo(TimeSpan.FromSeconds(60)));
            Assert.That(endpoint.Markers, Is.EqualTo(new[] { "x" }));
        }
    }

    [Test]
    public async Task The_longer_forms_are_read_too()
    {
        await PutAsync(
            """
            {"token_rate":{"totals":{"1":10,"4":30},"time_to_first_token":"50ms"},"outage":"hang",
             "rate_limits":{"run":{"requests":10,"concurrent":2,"window":"1s","retry_after":"3s"}}}
            """);

        var endpoint = _simulator.Endpoint;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(endpoint.TokenRate!.TotalAt(4), Is.EqualTo(30));
            Assert.That(endpoint.TokenRate.TimeToFirstToken, Is.EqualTo(TimeSpan.FromMilliseconds(50)));
            Assert.That(endpoint.Outage, Is.SameAs(SimulatedOutage.Hang));
            Assert.That(
                endpoint.RateLimits,
                Is.EqualTo(new SimulatedRateLimits(new SimulatedRateLimit(10, 2) { Window = TimeSpan.FromSeconds(1), RetryAfter = TimeSpan.FromSeconds(3) })));
        }
    }

    [Test]
    public async Task What_is_not_named_stays_null_switches_off_and_DELETE_resets()
    {
        await PutAsync("""{"outage":"reset","latency":"5s","max_concurrency":3,"faults":[{"kind":"html"}]}""");
        await PutAsync("""{"outage":null}""");
        var kept = (_simulator.Endpoint.Outage, _simulator.Endpoint.MaxConcurrency);

        var reset = await _simulator.SendAsync(HttpMethod.Delete, "/simulator/endpoints/ep");
        var job = await _simulator.AwaitJobAsync((await _simulator.SubmitAsync(1)).Single(), "COMPLETED");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(kept, Is.EqualTo(((SimulatedOutage?)null, (int?)3)));
            Assert.That(reset.Status, Is.EqualTo(204));
            Assert.That(_simulator.Endpoint.MaxConcurrency, Is.Null);
            Assert.That(_simulator.Endpoint.Latency, Is.Null);
            Assert.That((string)job["workerId"]!, Does.StartWith("simulator"));
        }
    }

    [TestCase("{", "end of the JSON payload")]
    [TestCase("[]", "JSON object")]
    [TestCase("""{"outrage":"reset"}""", "no setting 'outrage'")]
    [TestCase("""{"outage":"reboot"}""", "no outage 'reboot'")]
    [TestCase("""{"outage":{"status":99}}""", "200")]
    [TestCase("""{"latency":"soon"}""", "'soon' has no unit")]
    [TestCase("""{"token_rate":"fast"}""", "no token rate 'fast'")]
    [TestCase("""{"workers":{"maximum":3}}""", "maximum")]
    [TestCase("""{"workers":{"min":2,"max":1}}""", "Max")]
    [TestCase("""{"max_concurrency":0}""", "1")]
    [TestCase("""{"retention":"lognormal:1s,1"}""", "fixed")]
    [TestCase("""{"faults":[{"kind":"nothing"}]}""", "kind")]
    [TestCase("""{"faults":[{"kind":"timed_out","on":"status"}]}""", "TimedOut on Status")]
    [TestCase("""{"max_concurrency":5,"faults":[{}]}""", "kind")]
    public async Task What_is_not_possible_is_a_400_that_says_why(string json, string error)
    {
        var answer = await PutAsync(json);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(400));
            Assert.That(answer.Body, Does.Contain(error));
            Assert.That(_simulator.Endpoint.MaxConcurrency, Is.Null);
        }
    }

    [Test]
    public async Task Calls_are_counted_by_endpoint_and_the_log_tells_where_they_went_and_why_they_failed()
    {
        var id = (await _simulator.SubmitAsync(1)).Single();
        await RunningSimulator.EventuallyAsync(() => _simulator.Log.Open == 0, "the job ends");
        await _simulator.GetAsync($"/v2/ep/status/{id}");
        await _simulator.GetAsync($"/v2/ep/status/{id}");
        await _simulator.PostAsync($"/v2/ep/cancel/{id}", "");
        await PutAsync("""{"faults":[{"kind":"empty_choices"}]}""");
        await _simulator.PostAsync("/v2/ep/openai/v1/chat/completions", RunningSimulator.Chat("spoiled").ToJsonString());

        var counts = (await _simulator.GetAsync("/simulator/counts"))["endpoints"]!;
        var lines = (await _simulator.Http.GetStringAsync("/simulator/log")).TrimEnd('\n').Split('\n').Select(line => JsonNode.Parse(line)!).ToList();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                counts["ep"]!.ToJsonString(),
                Is.EqualTo("""{"runs":1,"statuses":2,"cancels":1,"chats":1,"rate_limited":0,"refused":0,"faults":1,"in_queue":0,"running":0}"""));
            Assert.That((int)counts["v1"]!["chats"]!, Is.Zero);
            Assert.That(lines.Select(line => (string)line["endpoint"]!), Is.EqualTo(new[] { "ep", "ep" }));
            Assert.That(lines.Select(line => (bool)line["fault"]!), Is.EqualTo(new[] { false, true }));
            Assert.That(
                lines.Select(line => (double?)line["began_ms"] >= (double?)line["start_ms"] && (double?)line["began_ms"] <= (double?)line["end_ms"]), Is.All.True);
        }
    }

    private Task<(int Status, string Body)> PutAsync(string json) => _simulator.SendAsync(HttpMethod.Put, "/simulator/endpoints/ep", json);
}
