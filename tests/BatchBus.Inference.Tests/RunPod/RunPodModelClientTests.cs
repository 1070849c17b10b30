using System.Text;
using BatchBus.Inference.Catalog;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Inference.Tests.RunPod;

[CancelAfter(30_000)]
public sealed class RunPodModelClientTests
{
    private const string Accepted = """{"id":"1f0c-u1","status":"IN_QUEUE"}""";

    [Test]
    public async Task Submits_a_job_and_looks_until_it_is_completed()
    {
        await using var endpoint = await JobAsync(
            """{"id":"1f0c-u1","status":"IN_QUEUE"}""",
            """{"id":"1f0c-u1","status":"IN_PROGRESS","delayTime":10,"output":[]}""",
            """{"id":"1f0c-u1","status":"SOMETHING_NEW"}""",
            $$"""{"id":"1f0c-u1","status":"COMPLETED","delayTime":31618,"executionTime":1437,"output":[{{Wire.Completion}}]}""");
        var outcome = await CompleteAsync(endpoint);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Wire.TextOf(outcome), Is.EqualTo("Hello."));
            Assert.That(((InferenceOutcome.Succeeded)outcome).Usage, Is.EqualTo(new InferenceUsage(5, 0, 3, TimeSpan.FromMilliseconds(1437), TimeSpan.FromMilliseconds(31618))));
            Assert.That(endpoint.Calls.Select(call => call.Call), Is.EqualTo(new[]
            {
                "POST /v2/ep7b/run", "GET /v2/ep7b/status/1f0c-u1", "GET /v2/ep7b/status/1f0c-u1", "GET /v2/ep7b/status/1f0c-u1", "GET /v2/ep7b/status/1f0c-u1",
            }));
            Assert.That(endpoint.Calls.Select(call => call.Authorization), Has.All.EqualTo("Bearer sk-secret"));
            Assert.That(endpoint.Calls.First().Body, Is.EqualTo(
                """{"input":{"openai_route":"/v1/chat/completions","openai_input":{"model":"mistralai/Mistral-7B-Instruct-v0.3","messages":[{"role":"user","content":"secret-prompt"}],"max_tokens":8,"temperature":1}},"policy":{"executionTimeout":600000,"ttl":86400000}}"""));
        }
    }

    [Test]
    public async Task An_output_that_is_no_list_is_read_too()
    {
        await using var endpoint = await JobAsync($$"""{"status":"COMPLETED","output":{{Wire.Completion}}}""");
        Assert.That(Wire.TextOf(await CompleteAsync(endpoint)), Is.EqualTo("Hello."));
    }

    [TestCase("""{"status":"COMPLETED"}""", InferenceError.UnusableReply)]
    [TestCase("""{"status":"COMPLETED","output":[]}""", InferenceError.UnusableReply)]
    [TestCase("""{"status":"COMPLETED","output":["secret text"]}""", InferenceError.UnusableReply)]
    [TestCase("""{"status":"COMPLETED","output":[{"choices":[{"tokens":["secret"]}],"usage":{"input":1,"output":1}}]}""", InferenceError.UnusableReply)]
    [TestCase("""{"status":"COMPLETED","output":[{"object":"error","message":"secret","type":"InternalServerError","code":500}]}""", InferenceError.ServerError)]
    [TestCase("""{"status":"FAILED","error":"worker exited with exit code 1"}""", InferenceError.JobFailed)]
    [TestCase("""{"status":"FAILED"}""", InferenceError.JobFailed)]
    [TestCase("""{"status":"FAILED","error":{"error_type":"secret"}}""", InferenceError.JobFailed)]
    [TestCase("""{"status":"TIMED_OUT"}""", InferenceError.Timeout)]
    [TestCase("""{"status":"CANCELLED"}""", InferenceError.JobLost)]
    public async Task A_job_that_ended_badly_is_a_failure_that_tells_no_secret(string status, InferenceError error)
    {
        await using var endpoint = await JobAsync(status);
        var outcome = await CompleteAsync(endpoint);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Wire.ErrorOf(outcome), Is.EqualTo(error));
            Assert.That(((InferenceOutcome.Failed)outcome).Message, Does.Not.Contain("secret").And.Not.Empty);
            Assert.That(endpoint.Calls, Has.Count.EqualTo(2), "a job that is over is not canceled");
        }
    }

    [Test]
    public async Task A_completed_error_object_about_the_request_refuses_it()
    {
        await using var endpoint = await JobAsync("""{"status":"COMPLETED","output":[{"object":"error","message":"bad top_k","code":400}]}""");
        Assert.That(await CompleteAsync(endpoint), Is.EqualTo(new InferenceOutcome.Refused("invalid_request_error", "bad top_k")));
    }

    [TestCase(200, "<html>", InferenceError.UnusableReply)]
    [TestCase(200, """{"status":"IN_QUEUE"}""", InferenceError.UnusableReply)]
    [TestCase(200, """{"id":"../../v1/secret"}""", InferenceError.UnusableReply)]
    [TestCase(401, "", InferenceError.Unauthorized)]
    [TestCase(404, "", InferenceError.Misconfigured)]
    [TestCase(429, "", InferenceError.RateLimited)]
    [TestCase(500, "<html>", InferenceError.ServerError)]
    [TestCase(521, "<html>", InferenceError.Unavailable)]
    public async Task A_submission_that_is_not_accepted_is_a_failure(int status, string body, InferenceError error)
    {
        await using var endpoint = await StubEndpoint.StartAsync(status, body);
        var outcome = await CompleteAsync(endpoint);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Wire.ErrorOf(outcome), Is.EqualTo(error));
            Assert.That(endpoint.Calls, Has.Count.EqualTo(1));
        }
    }

    [Test]
    public async Task A_look_that_is_refused_or_comes_too_early_says_nothing_about_the_job()
    {
        await using var endpoint = await StubEndpoint.StartAsync((context, before) => (context.Request.Path.Value, before) switch
        {
            ("/v2/ep7b/run", _) => StubEndpoint.AnswerAsync(context, 200, Accepted),
            (_, 0) => StubEndpoint.AnswerAsync(context, 429, ""),
            (_, 1) => StubEndpoint.AnswerAsync(context, 404, """{"error":"job not found"}"""),
            _ => StubEndpoint.AnswerAsync(context, 200, $$"""{"status":"COMPLETED","output":[{{Wire.Completion}}]}"""),
        });
        Assert.That(Wire.TextOf(await CompleteAsync(endpoint)), Is.EqualTo("Hello."));
    }

    [TestCase(502, "<html>")]
    [TestCase(500, "")]
    [TestCase(200, """{"status":"COMPL""")]
    [TestCase(200, "<html>")]
    [TestCase(200, "{}")]
    [TestCase(0, "")]
    public async Task A_look_that_fails_leaves_the_job_to_be_picked_up(int status, string body)
    {
        var jobs = new List<string>();
        await using var endpoint = await StubEndpoint.StartAsync((context, before) => (context.Request.Method, before, status) switch
        {
            ("POST", _, _) => StubEndpoint.AnswerAsync(context, 200, Accepted),
            (_, 0, 0) => AbortAsync(context),
            (_, 0, _) => StubEndpoint.AnswerAsync(context, status, body),
            _ => StubEndpoint.AnswerAsync(context, 200, $$"""{"status":"COMPLETED","output":[{{Wire.Completion}}]}"""),
        });
        var client = endpoint.Client(ModelProtocol.RunPodJobs);

        var failed = (InferenceOutcome.Failed)await client.CompleteAsync(new ModelCall(Wire.Params) { Submitted = SubmittedAsync }, CancellationToken.None);
        var outcome = await client.CompleteAsync(new ModelCall(Wire.Params) { Job = jobs.Single(), Submitted = SubmittedAsync }, CancellationToken.None);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((failed.Error, failed.JobGoesOn), Is.EqualTo((InferenceError.Unavailable, true)));
            Assert.That(Wire.TextOf(outcome), Is.EqualTo("Hello."));
            Assert.That(endpoint.Calls.Count(call => call.Call.StartsWith("POST", StringComparison.Ordinal)), Is.EqualTo(1), "the job is submitted once and not canceled");
        }

        Task SubmittedAsync(string job)
        {
            jobs.Add(job);
            return Task.CompletedTask;
        }
    }

    [Test]
    public async Task A_job_that_is_picked_up_and_unknown_is_lost()
    {
        await using var endpoint = await StubEndpoint.StartAsync(404, "");
        var outcome = await endpoint.Client(ModelProtocol.RunPodJobs).CompleteAsync(new ModelCall(Wire.Params) { Job = "1f0c-u1" }, CancellationToken.None);
        Assert.That(outcome is InferenceOutcome.Failed { Error: InferenceError.JobLost, JobGoesOn: false });
    }

    [TestCase(90, 90_000)]
    [TestCase(1, 10_000)]
    [TestCase(2_592_000, 604_800_000)]
    public async Task A_job_lives_as_long_as_its_batch_within_the_platforms_bounds(int secondsLeft, int timeToLive)
    {
        await using var endpoint = await JobAsync($$"""{"status":"COMPLETED","output":[{{Wire.Completion}}]}""");
        await endpoint.Client(ModelProtocol.RunPodJobs).CompleteAsync(new ModelCall(Wire.Params) { TimeLeft = TimeSpan.FromSeconds(secondsLeft) }, CancellationToken.None);
        Assert.That(endpoint.Calls.First().Body, Does.EndWith($",\"ttl\":{timeToLive}}}}}"));
    }

    [TestCase("""{"jobs":{"completed":1,"failed":5,"inProgress":0,"inQueue":2,"retried":0},"workers":{"idle":1,"initializing":3,"ready":1,"running":2,"throttled":9,"unhealthy":4}}""", 2, 4, 3, 2)]
    [TestCase("""{"jobs":{},"workers":{"running":-1,"idle":"x"}}""", 0, 0, 0, 0)]
    public async Task Health_tells_what_workers_there_are(string body, int running, int ready, int starting, int waiting)
    {
        await using var endpoint = await StubEndpoint.StartAsync(200, body);
        Assert.That(await endpoint.Client(ModelProtocol.RunPodJobs).CheckAsync(CancellationToken.None), Is.EqualTo(new EndpointStatus(running, ready, starting, waiting)));
    }

    [TestCase(200, "<html>")]
    [TestCase(200, """{"jobs":{}}""")]
    [TestCase(503, """{"jobs":{},"workers":{}}""")]
    public async Task Health_that_cannot_be_read_is_none(int status, string body)
    {
        await using var endpoint = await StubEndpoint.StartAsync(status, body);
        Assert.That(await endpoint.Client(ModelProtocol.RunPodJobs).CheckAsync(CancellationToken.None), Is.Null);
    }

    [Test]
    public async Task A_key_that_is_refused_while_looking_ends_the_wait()
    {
        await using var endpoint = await StubEndpoint.StartAsync((context, _) => context.Request.Path.Value!.EndsWith("/run", StringComparison.Ordinal)
            ? StubEndpoint.AnswerAsync(context, 200, Accepted)
            : StubEndpoint.AnswerAsync(context, 401, ""));
        Assert.That(Wire.ErrorOf(await CompleteAsync(endpoint)), Is.EqualTo(InferenceError.Unauthorized));
    }

    [Test]
    public async Task A_job_that_takes_too_long_is_canceled_and_a_timeout()
    {
        await using var endpoint = await JobAsync("""{"status":"IN_PROGRESS"}""");
        var outcome = await endpoint.Client(ModelProtocol.RunPodJobs, ("RequestTimeout", "00:00:00.2")).CompleteAsync(new ModelCall(Wire.Params), CancellationToken.None);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Wire.ErrorOf(outcome), Is.EqualTo(InferenceError.Timeout));
            Assert.That(endpoint.Calls.Last().Call, Is.EqualTo("POST /v2/ep7b/cancel/1f0c-u1"));
        }
    }

    [Test]
    public async Task A_wait_that_is_given_up_leaves_the_job_until_it_is_canceled()
    {
        var looked = new TaskCompletionSource();
        await using var endpoint = await StubEndpoint.StartAsync((context, _) =>
        {
            if (context.Request.Method == "GET")
            {
                looked.TrySetResult();
            }

            return StubEndpoint.AnswerAsync(context, 200, Accepted);
        });
        using var canceled = new CancellationTokenSource();
        var client = endpoint.Client(ModelProtocol.RunPodJobs);
        var call = client.CompleteAsync(new ModelCall(Wire.Params), canceled.Token);
        await looked.Task;
        await canceled.CancelAsync();
        Assert.That(async () => await call, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(endpoint.Calls.Select(earlier => earlier.Call), Has.None.Contains("cancel"));

        await client.CancelAsync("1f0c-u1", CancellationToken.None);

        Assert.That(endpoint.Calls.Last().Call, Is.EqualTo("POST /v2/ep7b/cancel/1f0c-u1"));
    }

    [Test]
    public async Task Refuses_a_request_beyond_the_size_of_a_job_without_a_call()
    {
        await using var endpoint = await StubEndpoint.StartAsync(200, Accepted);
        var parameters = Encoding.UTF8.GetBytes($$"""{"max_tokens":8,"messages":[{"role":"user","content":"{{new string('x', 10_000_000)}}"}]}""");
        var outcome = await endpoint.Client(ModelProtocol.RunPodJobs).CompleteAsync(new ModelCall(parameters), CancellationToken.None);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome as InferenceOutcome.Refused)?.ErrorType, Is.EqualTo("request_too_large"));
            Assert.That(endpoint.Calls, Is.Empty);
        }
    }

    private static Task AbortAsync(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }

    /// <summary>Accepts every job; then each look gets the next status, and the last one again and again.</summary>
    private static Task<StubEndpoint> JobAsync(params string[] statuses) => StubEndpoint.StartAsync((context, before) =>
        StubEndpoint.AnswerAsync(context, 200, context.Request.Method == "GET" ? statuses[Math.Min(before, statuses.Length - 1)] : Accepted));

    private static Task<InferenceOutcome> CompleteAsync(StubEndpoint endpoint) =>
        endpoint.Client(ModelProtocol.RunPodJobs).CompleteAsync(new ModelCall(Wire.Params), CancellationToken.None);
}
