using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;

namespace BatchBus.Simulator.Tests;

public sealed class WorkersTests
{
    private FakeTimeProvider _clock = null!;
    private RunningSimulator _simulator = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _clock = new FakeTimeProvider();
        _simulator = await RunningSimulator.StartAsync(new SimulatorOptions { TimeProvider = _clock, Latency = RunningSimulator.Latency("2s") });
    }

    [TearDown]
    public async Task StopAsync() => await _simulator.DisposeAsync();

    [Test]
    public async Task Jobs_beyond_what_the_workers_run_at_once_are_queued_and_pulled_oldest_first()
    {
        _simulator.Endpoint.Workers = new SimulatedWorkers { Min = 2, Max = 2, Concurrency = 2 };

        var ids = await _simulator.SubmitAsync(6);
        var before = await _simulator.HealthAsync();
        _clock.Advance(TimeSpan.FromSeconds(2));
        var fifth = await _simulator.AwaitJobAsync(ids[4], "IN_PROGRESS");
        await _simulator.AwaitJobAsync(ids[5], "IN_PROGRESS");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(before, Is.EqualTo("queued 2 running 4 | idle 0 busy 2 init 0 throttled 0"));
            Assert.That((long)fifth["delayTime"]!, Is.EqualTo(2000));
            Assert.That((await _simulator.GetAsync($"/v2/ep/status/{ids[0]}"))["status"]!.ToString(), Is.EqualTo("COMPLETED"));
            Assert.That(_simulator.Endpoint.Count().Running, Is.EqualTo(2));
        }
    }

    [Test]
    public async Task A_job_goes_to_the_least_busy_worker()
    {
        _simulator.Endpoint.Workers = new SimulatedWorkers { Min = 3, Max = 3, Concurrency = 5 };

        await _simulator.SubmitAsync(3);

        Assert.That(await _simulator.HealthAsync(), Is.EqualTo("queued 0 running 3 | idle 0 busy 3 init 0 throttled 0"));
    }

    [Test]
    public async Task Workers_start_cold_when_jobs_come_and_go_when_they_have_been_idle()
    {
        _simulator.Endpoint.Workers = new SimulatedWorkers { Max = 3, ColdStart = TimeSpan.FromSeconds(60), IdleTimeout = TimeSpan.FromSeconds(5) };
        var atFirst = await _simulator.HealthAsync();

        var ids = await _simulator.SubmitAsync(2);
        _clock.Advance(TimeSpan.FromSeconds(59));
        var cold = await _simulator.HealthAsync();
        _clock.Advance(TimeSpan.FromSeconds(1));
        await _simulator.AwaitJobAsync(ids[1], "IN_PROGRESS");
        var warm = await _simulator.HealthAsync();
        _clock.Advance(TimeSpan.FromSeconds(2));
        var done = await _simulator.AwaitJobAsync(ids[1], "COMPLETED");
        await RunningSimulator.EventuallyAsync(async () => (await _simulator.HealthAsync()).Contains("idle 2", StringComparison.Ordinal), "both workers are idle");
        _clock.Advance(TimeSpan.FromSeconds(5));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(atFirst, Is.EqualTo("queued 0 running 0 | idle 0 busy 0 init 0 throttled 0"));
            Assert.That(cold, Is.EqualTo("queued 2 running 0 | idle 0 busy 0 init 2 throttled 0"));
            Assert.That(warm, Is.EqualTo("queued 0 running 2 | idle 0 busy 2 init 0 throttled 0"));
            Assert.That((long)done["delayTime"]!, Is.EqualTo(60_000));
            Assert.That(await _simulator.HealthAsync(), Is.EqualTo("queued 0 running 0 | idle 0 busy 0 init 0 throttled 0"));
        }
    }

    [Test]
    public async Task The_least_workers_stay_whatever_happens()
    {
        _simulator.Endpoint.Workers = new SimulatedWorkers { Min = 1, Max = 2, IdleTimeout = TimeSpan.FromSeconds(5) };
        var ids = await _simulator.SubmitAsync(2);
        _clock.Advance(TimeSpan.FromSeconds(2));
        await _simulator.AwaitJobAsync(ids[1], "COMPLETED");
        await RunningSimulator.EventuallyAsync(async () => (await _simulator.HealthAsync()).Contains("idle 2", StringComparison.Ordinal), "both workers are idle");

        _clock.Advance(TimeSpan.FromHours(1));

        Assert.That(await _simulator.HealthAsync(), Does.Contain("idle 1 busy 0"));
    }

    [Test]
    public async Task Without_capacity_workers_are_throttled_and_jobs_stay_queued_until_there_is_some()
    {
        _simulator.Endpoint.Workers = new SimulatedWorkers { Min = 1, Max = 3, Capacity = 0 };
        var ids = await _simulator.SubmitAsync(2);
        var without = await _simulator.HealthAsync();

        _simulator.Endpoint.Workers = _simulator.Endpoint.Workers with { Capacity = 1 };
        await _simulator.AwaitJobAsync(ids[0], "IN_PROGRESS");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(without, Is.EqualTo("queued 2 running 0 | idle 0 busy 0 init 0 throttled 2"));
            Assert.That(await _simulator.HealthAsync(), Is.EqualTo("queued 1 running 1 | idle 0 busy 1 init 0 throttled 1"));
        }
    }

    [Test]
    public async Task With_no_workers_allowed_jobs_wait_and_a_canceled_one_leaves_the_queue()
    {
        _simulator.Endpoint.Workers = new SimulatedWorkers { Max = 0 };
        var ids = await _simulator.SubmitAsync(2);

        await _simulator.PostAsync($"/v2/ep/cancel/{ids[0]}", "");
        await RunningSimulator.EventuallyAsync(() => _simulator.Endpoint.Count().InQueue == 1, "the canceled job leaves");
        _simulator.Endpoint.Workers = null;
        await _simulator.AwaitJobAsync(ids[1], "IN_PROGRESS");

        Assert.That(_simulator.Log.Entries[0].Began, Is.Null);
    }

    [Test]
    public async Task The_concurrency_of_an_endpoint_can_be_changed_while_it_works_and_leaves_others_alone()
    {
        _simulator.Endpoint.MaxConcurrency = 1;
        var ids = await _simulator.SubmitAsync(4);
        var other = JsonNode.Parse((await _simulator.SendAsync(HttpMethod.Post, "/v2/other/run", RunningSimulator.Job(RunningSimulator.Chat("other")).ToJsonString())).Body)!;
        var before = _simulator.Endpoint.Count();

        _simulator.Endpoint.MaxConcurrency = 3;
        await _simulator.AwaitJobAsync(ids[2], "IN_PROGRESS");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((before.Running, before.InQueue), Is.EqualTo((1, 3)));
            Assert.That((_simulator.Endpoint.Count().Running, _simulator.Endpoint.Count().InQueue), Is.EqualTo((3, 1)));
            Assert.That((string)(await _simulator.GetAsync($"/v2/other/status/{other["id"]}"))["status"]!, Is.EqualTo("IN_PROGRESS"));
        }
    }

    [Test]
    public async Task A_dead_worker_of_three_eats_what_the_busy_ones_leave_and_looks_healthy()
    {
        _simulator.Endpoint.Workers = new SimulatedWorkers { Min = 3, Max = 3, Concurrency = 2 };
        _simulator.Endpoint.DeadWorkers = 1;

        var ids = await _simulator.SubmitAsync(40);
        await RunningSimulator.EventuallyAsync(
            () =>
            {
                _clock.Advance(TimeSpan.FromMilliseconds(1));
                return _simulator.Log.Open == 4;
            },
            "all but four are eaten");

        var failed = _simulator.Log.Entries.Where(call => call.Outcome == SimulatedOutcome.Failed).ToList();
        var health = await _simulator.HealthAsync();
        var job = await FirstAsync(ids, "FAILED");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(failed, Has.Count.EqualTo(36));
            Assert.That(failed, Is.All.Matches<SimulatedCall>(call => call.IsFault && call.End - call.Began < TimeSpan.FromMilliseconds(100)));
            Assert.That((string)job["error"]!, Is.EqualTo("{'message': 'vLLM server process is not running; worker is unhealthy', 'type': 'worker_error', 'code': None}"));
            Assert.That(health, Is.EqualTo("queued 0 running 4 | idle 1 busy 2 init 0 throttled 0"));
            Assert.That(_simulator.Endpoint.Count().Faults, Is.EqualTo(36));
        }
    }

    [Test]
    public async Task When_all_workers_are_dead_every_job_and_chat_fails_until_they_are_revived()
    {
        _simulator.Endpoint.DeadWorkers = 1;
        _simulator.Server.Endpoint("v1").DeadWorkers = 1;
        var id = await _simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("job")));
        var plain = _simulator.CompleteAsync(RunningSimulator.Chat("plain"));
        var routed = _simulator.PostAsync("/v2/ep/openai/v1/chat/completions", RunningSimulator.Chat("routed").ToJsonString());
        await RunningSimulator.EventuallyAsync(
            () =>
            {
                _clock.Advance(TimeSpan.FromMilliseconds(1));
                return plain.IsCompleted && routed.IsCompleted;
            },
            "the chats fail");
        var failed = await _simulator.AwaitJobAsync(id, "FAILED");
        var sick = await _simulator.SendAsync(HttpMethod.Get, "/health");

        _simulator.Endpoint.DeadWorkers = 0;
        _simulator.Server.Endpoint("v1").DeadWorkers = 0;
        _simulator.Server.Latency = default;
        var next = await _simulator.AwaitJobAsync(await _simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("job"))), "COMPLETED", "FAILED");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((string)failed["error"]!, Does.Contain("not running; worker is unhealthy"));
            Assert.That(((int)(await plain).Status, (string)(await plain).Body["error"]!["type"]!), Is.EqualTo((500, "InternalServerError")));
            Assert.That(((int)(await routed).Status, (string)(await routed).Body["object"]!), Is.EqualTo((200, "error")));
            Assert.That(sick.Status, Is.EqualTo(503));
            Assert.That((await _simulator.SendAsync(HttpMethod.Get, "/health")).Status, Is.EqualTo(200));
            Assert.That((string)next["status"]!, Is.EqualTo("COMPLETED"));
        }
    }

    [Test]
    public async Task What_runs_on_a_worker_that_dies_fails()
    {
        var id = await _simulator.SubmitAsync(RunningSimulator.Job(RunningSimulator.Chat("running")));
        await _simulator.AwaitJobAsync(id, "IN_PROGRESS");
        _simulator.Endpoint.DeadWorkers = 1;

        _clock.Advance(TimeSpan.FromSeconds(2));

        Assert.That((string)(await _simulator.AwaitJobAsync(id, "COMPLETED", "FAILED"))["status"]!, Is.EqualTo("FAILED"));
    }

    private async Task<JsonNode> FirstAsync(List<string> ids, string status)
    {
        foreach (var id in ids)
        {
            if (await _simulator.GetAsync($"/v2/ep/status/{id}") is { } job && (string)job["status"]! == status)
            {
                return job;
            }
        }

        throw new AssertionException($"No job is {status}.");
    }
}
