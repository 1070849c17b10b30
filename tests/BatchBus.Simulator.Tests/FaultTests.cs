using System.Text.Json.Nodes;

namespace BatchBus.Simulator.Tests;

public sealed class FaultTests
{
    private static readonly string[] Terminal = ["COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"];

    private RunningSimulator _simulator = null!;

    [SetUp]
    public async Task StartAsync() => _simulator = await RunningSimulator.StartAsync();

    [TearDown]
    public async Task StopAsync() => await _simulator.DisposeAsync();

    [TestCase(SimulatedFaultKind.VllmError, 500, "FAILED", """{'message': 'vLLM returned HTTP 500: {"error":{"message":"EngineCore""")]
    [TestCase(SimulatedFaultKind.VllmError, 400, "FAILED", """{'message': 'vLLM returned HTTP 400: {"error":{"message":"The request doesn\'t fit this model.","type":"BadRequestError",""")]
    [TestCase(SimulatedFaultKind.Traceback, null, "FAILED", "handler: Timeout on reading data from socket \ntraceback: Traceback (most recent call last):")]
    [TestCase(SimulatedFaultKind.WorkerException, null, "FAILED", """{"error_type":"<class 'RuntimeError'>","error_message":"CUDA error""")]
    [TestCase(SimulatedFaultKind.TimedOut, null, "TIMED_OUT", null)]
    [TestCase(SimulatedFaultKind.Cancelled, null, "CANCELLED", null)]
    public async Task A_job_ends_badly_and_the_next_one_well(SimulatedFaultKind kind, int? status, string ends, string? error)
    {
        _simulator.Endpoint.Inject(new SimulatedFault(kind) { Times = 1, Status = status });

        var job = await RunAsync("first");
        var next = await RunAsync("second");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)job["status"]!, Is.EqualTo(ends));
            Assert.That((string?)job["error"] ?? "", Does.StartWith(error ?? ""));
            Assert.That(job["output"], Is.Null);
            Assert.That((string)next["status"]!, Is.EqualTo("COMPLETED"));
            Assert.That(_simulator.Log.Entries.Select(call => call.IsFault), Is.EqualTo(new[] { true, false }));
            Assert.That(_simulator.Log.Entries[0].Outcome, Is.EqualTo(kind == SimulatedFaultKind.Cancelled ? SimulatedOutcome.Canceled : SimulatedOutcome.Failed));
            Assert.That(_simulator.Endpoint.Count().Faults, Is.EqualTo(1));
        }
    }

    [Test]
    public async Task A_completed_job_may_hold_an_error_object_no_choices_or_broken_tool_arguments()
    {
        var error = await SpoiledAsync(SimulatedFaultKind.ErrorObject);
        var empty = await SpoiledAsync(SimulatedFaultKind.EmptyChoices);
        var broken = await SpoiledAsync(SimulatedFaultKind.InvalidToolArguments);

        var call = broken["choices"]![0]!["message"]!["tool_calls"]![0]!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)error["object"]!, Is.EqualTo("error"));
            Assert.That((int)error["code"]!, Is.EqualTo(500));
            Assert.That(empty["choices"]!.AsArray(), Is.Empty);
            Assert.That((string)empty["object"]!, Is.EqualTo("chat.completion"));
            Assert.That(() => JsonNode.Parse((string)call["function"]!["arguments"]!), Throws.InstanceOf<System.Text.Json.JsonException>());
            Assert.That(_simulator.Log.Entries, Is.All.Matches<SimulatedCall>(entry => entry.IsFault && entry.Outcome == SimulatedOutcome.Failed));
        }

        async Task<JsonNode> SpoiledAsync(SimulatedFaultKind kind)
        {
            _simulator.Endpoint.Inject(new SimulatedFault(kind) { Times = 1 });
            var job = await RunAsync("spoiled");
            Assert.That((string)job["status"]!, Is.EqualTo("COMPLETED"));
            return job["output"]![0]!;
        }
    }

    [TestCase(SimulatedFaultKind.HttpStatus, 503, "<html>")]
    [TestCase(SimulatedFaultKind.Html, 200, "<html>")]
    [TestCase(SimulatedFaultKind.ErrorObject, 200, """{"object":"error",""")]
    [TestCase(SimulatedFaultKind.VllmError, 500, """{"error":{""")]
    [TestCase(SimulatedFaultKind.Traceback, 500, "Internal Server Error")]
    [TestCase(SimulatedFaultKind.WorkerException, 500, "Internal Server Error")]
    [TestCase(SimulatedFaultKind.TimedOut, 504, "<html>")]
    [TestCase(SimulatedFaultKind.EmptyChoices, 200, """{"id":"chatcmpl-""")]
    public async Task A_chat_is_answered_badly(SimulatedFaultKind kind, int status, string start)
    {
        _simulator.Server.Endpoint("v1").Inject(new SimulatedFault(kind) { Times = 1 });

        var answer = await _simulator.SendAsync(HttpMethod.Post, "/v1/chat/completions", RunningSimulator.Chat("hi").ToJsonString());

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(status));
            Assert.That(answer.Body, Does.StartWith(start));
            Assert.That(_simulator.Log.Entries.Count(call => call.IsFault), Is.EqualTo(kind == SimulatedFaultKind.HttpStatus ? 0 : 1));
        }
    }

    [Test]
    public async Task A_reply_is_cut_in_half(
        [Values("/v1/chat/completions", "/v2/ep/run", "/v2/ep/openai/v1/chat/completions")] string path)
    {
        var fault = new SimulatedFault(SimulatedFaultKind.TruncatedJson);
        _simulator.Endpoint.Inject(fault);
        _simulator.Server.Endpoint("v1").Inject(fault);
        var chat = RunningSimulator.Chat("cut");

        var answer = await _simulator.SendAsync(HttpMethod.Post, path, (path.EndsWith("run", StringComparison.Ordinal) ? RunningSimulator.Job(chat) : chat).ToJsonString());

        Assert.That(answer.Status, Is.EqualTo(200));
        Assert.That(answer.Body, Does.StartWith("{\""));
        Assert.That(() => JsonNode.Parse(answer.Body), Throws.InstanceOf<System.Text.Json.JsonException>());
    }

    [Test]
    public async Task A_chat_is_cut_off_before_or_after_it_was_executed([Values] bool isExecuted)
    {
        _simulator.Server.Endpoint("v1").Inject(new SimulatedFault(isExecuted ? SimulatedFaultKind.LostReply : SimulatedFaultKind.Reset) { Times = 1 });

        Assert.That(async () => await _simulator.CompleteAsync(RunningSimulator.Chat("cut off")), Throws.InstanceOf<HttpRequestException>());

        Assert.That(_simulator.Log.Entries, Has.Count.EqualTo(isExecuted ? 1 : 0));
    }

    [Test]
    public async Task A_job_whose_reply_is_lost_runs_all_the_same()
    {
        _simulator.Endpoint.Inject(new SimulatedFault(SimulatedFaultKind.LostReply) { Times = 1 });

        Assert.That(async () => await _simulator.SubmitAsync(1), Throws.InstanceOf<HttpRequestException>());

        await RunningSimulator.EventuallyAsync(() => _simulator.Log.Entries is [{ Outcome: SimulatedOutcome.Completed, IsFault: false }], "the orphan completes");
        Assert.That((int)(await _simulator.GetAsync("/v2/ep/health"))["jobs"]!["completed"]!, Is.EqualTo(1));
    }

    [Test]
    public async Task A_status_or_a_cancel_is_spoiled_and_comes_right_the_next_time()
    {
        var id = (await _simulator.SubmitAsync(1)).Single();
        await _simulator.AwaitJobAsync(id, "COMPLETED");
        _simulator.Endpoint.Inject(new SimulatedFault(SimulatedFaultKind.Html) { On = SimulatedOperation.Status, Times = 1 });
        _simulator.Endpoint.Inject(new SimulatedFault(SimulatedFaultKind.HttpStatus) { On = SimulatedOperation.Status, Times = 1, Status = 502, Message = "bad" });
        _simulator.Endpoint.Inject(new SimulatedFault(SimulatedFaultKind.LostReply) { On = SimulatedOperation.Cancel, Times = 1 });

        var html = await _simulator.SendAsync(HttpMethod.Get, $"/v2/ep/status/{id}");
        var gateway = await _simulator.SendAsync(HttpMethod.Get, $"/v2/ep/status/{id}");
        var right = await _simulator.SendAsync(HttpMethod.Get, $"/v2/ep/status/{id}");
        _simulator.Server.Latency = RunningSimulator.Latency("1000s");
        var open = (await _simulator.SubmitAsync(1)).Single();

        Assert.That(async () => await _simulator.SendAsync(HttpMethod.Post, $"/v2/ep/cancel/{open}"), Throws.InstanceOf<HttpRequestException>());
        using (Assert.EnterMultipleScope())
        {
            Assert.That((html.Status, html.Body[..6]), Is.EqualTo((200, "<html>")));
            Assert.That(gateway, Is.EqualTo((502, "bad")));
            Assert.That((string)JsonNode.Parse(right.Body)!["status"]!, Is.EqualTo("COMPLETED"));
            Assert.That((string)(await _simulator.GetAsync($"/v2/ep/status/{open}"))["status"]!, Is.EqualTo("CANCELLED"));
        }
    }

    [Test]
    public async Task A_call_gets_no_reply_but_has_its_effect()
    {
        _simulator.Endpoint.Inject(new SimulatedFault(SimulatedFaultKind.NoReply) { Times = 1 });
        using var client = new HttpClient { BaseAddress = _simulator.Server.BaseAddress };
        using var content = new StringContent(RunningSimulator.Job(RunningSimulator.Chat("silent")).ToJsonString());
        var call = client.PostAsync("/v2/ep/run", content);
        await RunningSimulator.EventuallyAsync(() => _simulator.Log.Entries is [{ Outcome: SimulatedOutcome.Completed }], "the job completes");

        var isSilent = !call.IsCompleted;
        client.CancelPendingRequests();

        Assert.That(async () => await call, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(isSilent, Is.True);
    }

    [Test]
    public async Task A_job_that_hangs_outlives_its_policy_until_it_is_canceled()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = clock });
        simulator.Endpoint.Inject(new SimulatedFault(SimulatedFaultKind.Hang) { Times = 1 });
        var body = RunningSimulator.Job(RunningSimulator.Chat("hangs"));
        body["policy"] = new JsonObject { ["executionTimeout"] = 5000 };
        var id = await simulator.SubmitAsync(body);

        clock.Advance(TimeSpan.FromHours(1));
        var job = await simulator.GetAsync($"/v2/ep/status/{id}");
        await simulator.PostAsync($"/v2/ep/cancel/{id}", "");

        Assert.That((string)job["status"]!, Is.EqualTo("IN_PROGRESS"));
        await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == 0 && simulator.Endpoint.Count().Running == 0, "its place is free");
    }

    [Test]
    public async Task A_job_is_executed_twice_and_says_so()
    {
        _simulator.Endpoint.Inject(new SimulatedFault(SimulatedFaultKind.ExecutedTwice) { Times = 1 });

        var job = await RunAsync("twice");

        var key = SimulatedAnswer.KeyOf([new("user", "twice")]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(((string)job["status"]!, (int)job["retries"]!), Is.EqualTo(("COMPLETED", 1)));
            Assert.That(_simulator.Log.ExecutionsOf(key), Is.EqualTo(2));
            Assert.That(
                _simulator.Log.Entries.Select(call => (call.Outcome, call.IsFault)),
                Is.EqualTo(new[] { (SimulatedOutcome.Failed, true), (SimulatedOutcome.Completed, false) }));
            Assert.That((int)(await _simulator.GetAsync("/v2/ep/health"))["jobs"]!["retried"]!, Is.EqualTo(1));
        }
    }

    [Test]
    public async Task A_status_goes_backwards_but_never_behind_an_ending_that_was_told()
    {
        _simulator.Endpoint.Inject(new SimulatedFault(SimulatedFaultKind.StatusBackwards));
        var id = (await _simulator.SubmitAsync(1)).Single();
        await RunningSimulator.EventuallyAsync(() => _simulator.Log.Open == 0, "the job ends");

        var told = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            told.Add((string)(await _simulator.GetAsync($"/v2/ep/status/{id}"))["status"]!);
        }

        Assert.That(told, Is.EqualTo(new[] { "IN_PROGRESS", "IN_QUEUE", "COMPLETED", "COMPLETED" }));
    }

    [Test]
    public async Task A_result_is_lost_at_once_or_after_the_time_that_was_set()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = clock });
        simulator.Endpoint.Retention = TimeSpan.FromSeconds(60);
        var kept = (await simulator.SubmitAsync(1)).Single();
        await simulator.AwaitJobAsync(kept, "COMPLETED");
        simulator.Endpoint.Inject(new SimulatedFault(SimulatedFaultKind.LostResult));
        var lost = (await simulator.SubmitAsync(1)).Single();
        await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == 0, "the job ends");

        var atOnce = await simulator.SendAsync(HttpMethod.Get, $"/v2/ep/status/{lost}");
        var before = await simulator.SendAsync(HttpMethod.Get, $"/v2/ep/status/{kept}");
        clock.Advance(TimeSpan.FromSeconds(60));
        var after = await simulator.SendAsync(HttpMethod.Get, $"/v2/ep/status/{kept}");

        Assert.That((atOnce.Status, before.Status, after.Status), Is.EqualTo((404, 200, 404)));
    }

    [Test]
    public async Task Only_calls_with_the_marker_are_spoiled()
    {
        _simulator.Endpoint.Inject(new SimulatedFault(SimulatedFaultKind.VllmError) { Marker = "\"Łódź\"" });
        var marked = RunningSimulator.Job(RunningSimulator.Chat("hello", "a system message with \"Łódź\" in it"));

        var spoiled = await _simulator.AwaitJobAsync(await _simulator.SubmitAsync(marked), Terminal);
        var other = await RunAsync("no such place");

        Assert.That(((string)spoiled["status"]!, (string)other["status"]!), Is.EqualTo(("FAILED", "COMPLETED")));
    }

    [Test]
    public async Task The_same_seed_spoils_the_same_share_of_calls_again()
    {
        var runs = new List<List<bool>>();
        foreach (var (endpoint, seed) in new[] { ("a", 1), ("b", 1), ("c", 2) })
        {
            _simulator.Server.Endpoint(endpoint).Inject(new SimulatedFault(SimulatedFaultKind.HttpStatus) { Probability = 0.3, Seed = seed });
            var hits = new List<bool>();
            for (var i = 0; i < 200; i++)
            {
                hits.Add((await _simulator.SendAsync(HttpMethod.Post, $"/v2/{endpoint}/openai/v1/chat/completions", RunningSimulator.Chat("same").ToJsonString())).Status == 503);
            }

            runs.Add(hits);
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(runs[1], Is.EqualTo(runs[0]));
            Assert.That(runs[2], Is.Not.EqualTo(runs[0]));
            Assert.That(runs.Select(hits => hits.Count(hit => hit)), Is.All.InRange(40, 80));
        }
    }

    [Test]
    public async Task Faults_are_taken_in_their_order_and_can_be_taken_back()
    {
        _simulator.Endpoint.Inject(new SimulatedFault(SimulatedFaultKind.TimedOut) { Times = 1 });
        _simulator.Endpoint.Inject(new SimulatedFault(SimulatedFaultKind.Cancelled));
        var ends = new List<string> { (string)(await RunAsync("1"))["status"]!, (string)(await RunAsync("2"))["status"]! };

        _simulator.Endpoint.ClearFaults();
        ends.Add((string)(await RunAsync("3"))["status"]!);

        Assert.That(ends, Is.EqualTo(new[] { "TIMED_OUT", "CANCELLED", "COMPLETED" }));
    }

    [Test]
    public void A_fault_that_is_not_possible_is_refused()
    {
        SimulatedFault[] faults =
        [
            new(SimulatedFaultKind.TimedOut) { On = SimulatedOperation.Status },
            new(SimulatedFaultKind.Html) { On = SimulatedOperation.Status, Marker = "x" },
            new(SimulatedFaultKind.Html) { Probability = double.NaN },
            new(SimulatedFaultKind.Html) { Times = -1 },
            new((SimulatedFaultKind)99),
        ];

        using (Assert.EnterMultipleScope())
        {
            foreach (var fault in faults)
            {
                Assert.That(() => _simulator.Endpoint.Inject(fault), Throws.InstanceOf<ArgumentException>(), fault.ToString());
            }
        }
    }

    private async Task<JsonNode> RunAsync(string prompt) =>
        await _simulator.AwaitJobAsync(await _simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat(prompt))), Terminal);
}
