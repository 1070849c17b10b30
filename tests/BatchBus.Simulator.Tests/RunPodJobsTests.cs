using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Time.Testing;

namespace BatchBus.Simulator.Tests;

public sealed class RunPodJobsTests
{
    private static readonly string[] Terminal = ["COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"];

    [TestCase(1)]
    [TestCase(100_000)]
    public async Task A_job_is_queued_and_completes_with_a_list_of_one_chat_completion(int length)
    {
        await using var simulator = await RunningSimulator.StartAsync();
        var prompt = new string('x', length);

        var (status, submitted) = await simulator.PostAsync("/v2/ep/run", RunningSimulator.Job(RunningSimulator.Chat(prompt)).ToJsonString());
        var job = await simulator.AwaitJobAsync((string)submitted["id"]!, Terminal);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(status, Is.EqualTo(HttpStatusCode.OK));
            Assert.That((string)submitted["status"]!, Is.EqualTo("IN_QUEUE"));
            Assert.That((string)submitted["id"]!, Does.Match("^[a-zA-Z0-9_-]+-u1$"));
            Assert.That((string)job["status"]!, Is.EqualTo("COMPLETED"));
            Assert.That((string)job["id"]!, Is.EqualTo((string)submitted["id"]!));
            Assert.That((long)job["delayTime"]!, Is.GreaterThanOrEqualTo(0));
            Assert.That((long)job["executionTime"]!, Is.GreaterThanOrEqualTo(0));
            Assert.That(job["output"]!.AsArray(), Has.Count.EqualTo(1));
            Assert.That((string)job["output"]![0]!["object"]!, Is.EqualTo("chat.completion"));
            Assert.That((string)job["output"]![0]!["choices"]![0]!["message"]!["content"]!, Does.Contain(SimulatedAnswer.Echo([new("user", prompt)])));
        }
    }

    [Test]
    public async Task A_job_is_the_same_each_time_it_is_fetched()
    {
        await using var simulator = await RunningSimulator.StartAsync();
        var id = await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("again")));

        var first = await simulator.AwaitJobAsync(id, "COMPLETED");

        Assert.That((await simulator.GetAsync($"/v2/ep/status/{id}")).ToJsonString(), Is.EqualTo(first.ToJsonString()));
    }

    [Test]
    public async Task A_job_reports_how_long_it_waited_and_ran()
    {
        var clock = new FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(
            new SimulatorOptions { TimeProvider = clock, Latency = RunningSimulator.Latency("2s"), MaxConcurrency = 1 });
        var first = await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("first")));
        var second = await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("second")));
        var waiting = await simulator.GetAsync($"/v2/ep/status/{second}");
        clock.Advance(TimeSpan.FromSeconds(2));
        await simulator.AwaitJobAsync(first, "COMPLETED");
        await simulator.AwaitJobAsync(second, "IN_PROGRESS");
        clock.Advance(TimeSpan.FromSeconds(2));

        var job = await simulator.AwaitJobAsync(second, "COMPLETED");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)waiting["status"]!, Is.EqualTo("IN_QUEUE"));
            Assert.That((long)job["delayTime"]!, Is.EqualTo(2000));
            Assert.That((long)job["executionTime"]!, Is.EqualTo(2000));
        }
    }

    [Test]
    public async Task What_vLLM_refuses_fails_with_its_error_inside_a_Python_dictionary()
    {
        await using var simulator = await RunningSimulator.StartAsync();
        var chat = RunningSimulator.Chat("too long");
        chat["max_tokens"] = 1_000_000;

        var job = await simulator.AwaitJobAsync(await simulator.SubmitAsync(RunningSimulator.Job(chat)), Terminal);

        var error = (string)job["error"]!;
        var match = Regex.Match(error, @"^\{'message': 'vLLM returned HTTP (\d{3}): (.*)', 'type': 'worker_error', 'code': None\}$");
        Assert.That(match.Success, Is.True, error);
        var inner = JsonNode.Parse(match.Groups[2].Value.Replace(@"\'", "'", StringComparison.Ordinal))!["error"]!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)job["status"]!, Is.EqualTo("FAILED"));
            Assert.That(match.Groups[1].Value, Is.EqualTo("400"));
            Assert.That(error, Does.Contain(@"model\'s maximum context length"));
            Assert.That((string)inner["type"]!, Is.EqualTo("BadRequestError"));
            Assert.That((string)inner["param"]!, Is.EqualTo("input_tokens"));
            Assert.That(simulator.Log.Entries.Single().Outcome, Is.EqualTo(SimulatedOutcome.Failed));
        }
    }

    [TestCase("""{"input":{}}""", "Job input must contain one of: openai_input")]
    [TestCase("""{"input":{"openai_route":"/v1/other","openai_input":{}}}""", "vLLM returned HTTP 404")]
    [TestCase("""{"input":{"openai_input":{"messages":7}}}""", "vLLM returned HTTP 400")]
    public async Task Another_input_fails(string json, string error)
    {
        await using var simulator = await RunningSimulator.StartAsync();

        var job = await simulator.AwaitJobAsync(await simulator.SubmitAsync(JsonNode.Parse(json)!), Terminal);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)job["status"]!, Is.EqualTo("FAILED"));
            Assert.That((string)job["error"]!, Does.Contain(error));
            Assert.That(simulator.Log.Open, Is.Zero);
        }
    }

    [TestCase("{")]
    [TestCase("7")]
    [TestCase("{}")]
    [TestCase("""{"input":"text"}""")]
    [TestCase("""{"input":{},"policy":{"ttl":"long"}}""")]
    public async Task A_body_that_is_no_job_is_a_400_without_JSON(string json)
    {
        await using var simulator = await RunningSimulator.StartAsync();
        using var content = new StringContent(json, Encoding.UTF8, "application/json");

        using var response = await simulator.Http.PostAsync("/v2/ep/run", content);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
            Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo("text/html"));
            Assert.That(simulator.Log.Entries, Is.Empty);
        }
    }

    [Test]
    public async Task A_job_above_ten_megabytes_is_a_413()
    {
        await using var simulator = await RunningSimulator.StartAsync();
        using var content = new StringContent(RunningSimulator.Job(RunningSimulator.Chat(new string('x', 10 * 1024 * 1024))).ToJsonString());

        using var response = await simulator.Http.PostAsync("/v2/ep/run", content);

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
    }

    [Test]
    public async Task An_unknown_job_and_one_of_another_endpoint_are_404s()
    {
        await using var simulator = await RunningSimulator.StartAsync();
        var id = await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("mine")));

        using var unknown = await simulator.Http.GetAsync("/v2/ep/status/nothing-u1");
        using var elsewhere = await simulator.Http.GetAsync($"/v2/other/status/{id}");
        using var cancel = await simulator.Http.PostAsync("/v2/ep/cancel/nothing-u1", null);

        Assert.That(
            new[] { unknown.StatusCode, elsewhere.StatusCode, cancel.StatusCode },
            Is.All.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task Cancel_ends_a_running_job_and_frees_its_slot()
    {
        await using var simulator = await RunningSimulator.StartAsync(
            new SimulatorOptions { Latency = RunningSimulator.Latency("1000s"), MaxConcurrency = 1 });
        var running = await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("running")));
        var queued = await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("queued")));
        simulator.Server.Latency = default;

        var (_, canceled) = await simulator.PostAsync($"/v2/ep/cancel/{running}", "");
        var next = await simulator.AwaitJobAsync(queued, Terminal);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)canceled["status"]!, Is.EqualTo("CANCELLED"));
            Assert.That((string)(await simulator.GetAsync($"/v2/ep/status/{running}"))["status"]!, Is.EqualTo("CANCELLED"));
            Assert.That((string)next["status"]!, Is.EqualTo("COMPLETED"));
            Assert.That(simulator.Log.Entries.Select(call => call.Outcome), Is.EqualTo(new[] { SimulatedOutcome.Canceled, SimulatedOutcome.Completed }));
        }
    }

    [Test]
    public async Task Cancel_takes_a_waiting_job_out_of_the_queue_and_leaves_an_ended_one_as_it_is()
    {
        await using var simulator = await RunningSimulator.StartAsync(
            new SimulatorOptions { Latency = RunningSimulator.Latency("1000s"), MaxConcurrency = 1 });
        await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("running")));
        var queued = await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("queued")));

        await simulator.PostAsync($"/v2/ep/cancel/{queued}", "");
        var (_, again) = await simulator.PostAsync($"/v2/ep/cancel/{queued}", "");
        var health = await simulator.GetAsync("/v2/ep/health");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)again["status"]!, Is.EqualTo("CANCELLED"));
            Assert.That((int)health["jobs"]!["inQueue"]!, Is.Zero);
            Assert.That((int)health["jobs"]!["inProgress"]!, Is.EqualTo(1));
            Assert.That(simulator.Log.Open, Is.EqualTo(1));
        }
    }

    [Test]
    public async Task A_result_is_gone_30_minutes_after_the_job_ended()
    {
        var clock = new FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = clock });
        var id = await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("kept")));
        await simulator.AwaitJobAsync(id, "COMPLETED");
        clock.Advance(TimeSpan.FromMinutes(30) - TimeSpan.FromSeconds(1));
        var before = await simulator.GetAsync($"/v2/ep/status/{id}");
        clock.Advance(TimeSpan.FromSeconds(1));

        using var after = await simulator.Http.GetAsync($"/v2/ep/status/{id}");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)before["status"]!, Is.EqualTo("COMPLETED"));
            Assert.That(after.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        }
    }

    [Test]
    public async Task A_job_that_outlives_its_execution_timeout_times_out()
    {
        var clock = new FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = clock, Latency = RunningSimulator.Latency("60s") });
        var job = RunningSimulator.Job(RunningSimulator.Chat("slow"));
        job["policy"] = new JsonObject { ["executionTimeout"] = 5000, ["ttl"] = 3_600_000 };
        var id = await simulator.SubmitAsync(job);
        clock.Advance(TimeSpan.FromSeconds(5));

        await simulator.AwaitJobAsync(id, "TIMED_OUT");

        Assert.That(simulator.Log.Entries.Single().Outcome, Is.EqualTo(SimulatedOutcome.Failed));
    }

    [Test]
    public async Task A_job_that_outlives_its_ttl_is_gone_even_while_it_runs()
    {
        var clock = new FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = clock, Latency = RunningSimulator.Latency("60s") });
        var job = RunningSimulator.Job(RunningSimulator.Chat("slow"));
        job["policy"] = new JsonObject { ["ttl"] = 10_000 };
        var id = await simulator.SubmitAsync(job);
        clock.Advance(TimeSpan.FromSeconds(10));

        using var response = await simulator.Http.GetAsync($"/v2/ep/status/{id}");

        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        await RunningSimulator.EventuallyAsync(() => simulator.Log.Open == 0, "the call ends with its job");
    }

    [Test]
    public async Task A_ttl_takes_a_result_away_before_those_that_ended_earlier()
    {
        var clock = new FakeTimeProvider();
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = clock });
        var earlier = await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("earlier")));
        var job = RunningSimulator.Job(RunningSimulator.Chat("short"));
        job["policy"] = new JsonObject { ["ttl"] = 10_000 };
        var id = await simulator.SubmitAsync(job);
        clock.Advance(TimeSpan.FromSeconds(10));

        using var response = await simulator.Http.GetAsync($"/v2/ep/status/{id}");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
            Assert.That((string)(await simulator.GetAsync($"/v2/ep/status/{earlier}"))["status"]!, Is.EqualTo("COMPLETED"));
        }
    }

    [Test]
    public async Task Health_counts_an_endpoints_jobs()
    {
        await using var simulator = await RunningSimulator.StartAsync(new SimulatorOptions { MaxConcurrency = 1 });
        await simulator.AwaitJobAsync(await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("done"))), "COMPLETED");
        await simulator.AwaitJobAsync(await simulator.SubmitAsync(RunningSimulator.Job(new JsonObject())), "FAILED");
        simulator.Server.Latency = RunningSimulator.Latency("1000s");
        for (var i = 0; i < 3; i++)
        {
            await simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat($"open {i}")));
        }

        var health = await simulator.GetAsync("/v2/ep/health");
        var other = await simulator.GetAsync("/v2/other/health");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(health["jobs"]!.ToJsonString(), Is.EqualTo("""{"completed":1,"failed":1,"inProgress":1,"inQueue":2,"retried":0}"""));
            Assert.That((int)health["workers"]!["running"]!, Is.EqualTo(1));
            Assert.That((int)other["workers"]!["idle"]!, Is.EqualTo(1));
            Assert.That((int)other["jobs"]!["completed"]!, Is.Zero);
        }
    }
}
