using System.Text;
using BatchBus.Inference.Catalog;
using Microsoft.AspNetCore.Http;

namespace BatchBus.Inference.Tests.OpenAi;

[CancelAfter(30_000)]
public sealed class OpenAiModelClientTests
{
    private const string Refusal = """{"error":{"message":"stop: at most 4 items","type":"BadRequestError","param":null,"code":400}}""";
    private const string Overflow = """{"error":{"message":"This model's maximum context length is 8192 tokens. However, you requested 8 output tokens and your prompt contains at least 9000 input tokens","type":"BadRequestError","param":"input_tokens","code":400}}""";

    [Test]
    public async Task Sends_the_chat_request_and_returns_the_message(CancellationToken cancellationToken)
    {
        await using var endpoint = await StubEndpoint.StartAsync(200, Wire.Completion);
        var outcome = await endpoint.Client(ModelProtocol.OpenAi).CompleteAsync(new ModelCall(Wire.Params), cancellationToken);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Wire.TextOf(outcome), Is.EqualTo("Hello."));
            Assert.That(((InferenceOutcome.Succeeded)outcome).Usage, Has.Property(nameof(InferenceUsage.OutputTokens)).EqualTo(3)
                .And.Property(nameof(InferenceUsage.ExecutionTime)).GreaterThan(TimeSpan.Zero));
            Assert.That(endpoint.Calls, Is.EqualTo(new[]
            {
                ("POST /v1/chat/completions", "Bearer sk-secret",
                    """{"model":"mistralai/Mistral-7B-Instruct-v0.3","messages":[{"role":"user","content":"secret-prompt"}],"max_tokens":8,"temperature":1}"""),
            }));
        }
    }

    [Test]
    public async Task Refuses_bad_params_without_a_call(CancellationToken cancellationToken)
    {
        await using var endpoint = await StubEndpoint.StartAsync(200, Wire.Completion);
        var outcome = await endpoint.Client(ModelProtocol.OpenAi).CompleteAsync(new ModelCall("""{"messages":[{"role":"user","content":"hi"}]}"""u8.ToArray()), cancellationToken);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome, Is.EqualTo(new InferenceOutcome.Refused("invalid_request_error", "max_tokens: Field required")));
            Assert.That(endpoint.Calls, Is.Empty);
        }
    }

    [Test]
    public async Task Sends_what_the_model_is_set_up_to_take(CancellationToken cancellationToken)
    {
        var parameters = """
            {"max_tokens":8,"system":"S","stop_sequences":["1","2","3","4","5"],"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://h/i"}}]}]}
            """;
        await using var endpoint = await StubEndpoint.StartAsync(200, Wire.Completion);
        var client = endpoint.Client(ModelProtocol.OpenAi, ("AcceptsImages", "true"), ("AcceptsSystemRole", "false"), ("MaxStopSequences", "5"));
        var outcome = await client.CompleteAsync(new ModelCall(Encoding.UTF8.GetBytes(parameters)), cancellationToken);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Wire.TextOf(outcome), Is.EqualTo("Hello."));
            Assert.That(endpoint.Calls.Single().Body, Does.Contain(
                """
                "messages":[{"role":"user","content":[{"type":"text","text":"S"},{"type":"image_url","image_url":{"url":"https://h/i"}}]}],"max_tokens":8,"temperature":1,"stop":["1","2","3","4","5"]
                """));
        }
    }

    [TestCase(400, Refusal, "invalid_request_error", "stop: at most 4 items")]
    [TestCase(422, """{"detail":"stop: wrong"}""", "invalid_request_error", "stop: wrong")]
    [TestCase(400, Overflow, "invalid_request_error", "prompt is too long: prompt and max_tokens together exceed the model's 8192 tokens")]
    [TestCase(413, "<html>", "request_too_large", "The request is larger than the model's endpoint accepts.")]
    [TestCase(200, Refusal, "invalid_request_error", "stop: at most 4 items")]
    public async Task A_reply_about_the_request_refuses_it(int status, string body, string type, string message)
    {
        await using var endpoint = await StubEndpoint.StartAsync(status, body);
        Assert.That(await CompleteAsync(endpoint), Is.EqualTo(new InferenceOutcome.Refused(type, message)));
    }

    [TestCase(301, "", InferenceError.Misconfigured)]
    [TestCase(400, "<html>plain HTTP sent to HTTPS port</html>", InferenceError.Misconfigured)]
    [TestCase(401, """{"error":"Unauthorized"}""", InferenceError.Unauthorized)]
    [TestCase(402, "", InferenceError.Unauthorized)]
    [TestCase(403, "", InferenceError.Unauthorized)]
    [TestCase(404, """{"error":{"message":"The model `x` does not exist.","type":"NotFoundError","code":404}}""", InferenceError.UnknownModel)]
    [TestCase(404, """{"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error","code":null}}""", InferenceError.UnknownModel)]
    [TestCase(404, """{"error":{"message":"Not Found","type":"NotFoundError","code":404}}""", InferenceError.Misconfigured)]
    [TestCase(405, "", InferenceError.Misconfigured)]
    [TestCase(408, "", InferenceError.Timeout)]
    [TestCase(429, "", InferenceError.RateLimited)]
    [TestCase(500, """{"error":{"message":"boom secret-prompt","code":500}}""", InferenceError.ServerError)]
    [TestCase(501, "", InferenceError.ServerError)]
    [TestCase(502, "<html>", InferenceError.Unavailable)]
    [TestCase(503, "", InferenceError.Unavailable)]
    [TestCase(504, "", InferenceError.Timeout)]
    [TestCase(520, "<html>", InferenceError.Unavailable)]
    [TestCase(524, "<html>", InferenceError.Timeout)]
    [TestCase(529, "", InferenceError.Unavailable)]
    [TestCase(200, "", InferenceError.UnusableReply)]
    [TestCase(200, "<html><body>Welcome</body></html>", InferenceError.UnusableReply)]
    [TestCase(200, """{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"mess""", InferenceError.UnusableReply)]
    [TestCase(200, """{"object":"error","message":"secret-prompt","code":404}""", InferenceError.Misconfigured)]
    public async Task Any_other_reply_is_a_failure_that_tells_no_secret(int status, string body, InferenceError error)
    {
        await using var endpoint = await StubEndpoint.StartAsync(status, body, ("Location", "/elsewhere"));
        var outcome = await CompleteAsync(endpoint);
        Assert.That(outcome, Is.TypeOf<InferenceOutcome.Failed>());
        var failed = (InferenceOutcome.Failed)outcome;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(failed.Error, Is.EqualTo(error));
            Assert.That(failed.Message, Does.Not.Contain("secret").And.Not.Contain("<").And.Not.Empty);
            Assert.That(endpoint.Calls, Has.Count.EqualTo(1));
        }
    }

    [TestCase("7", 7)]
    [TestCase("0", 0)]
    [TestCase("99999", 3600)]
    [TestCase("Wed, 21 Oct 2015 07:28:00 GMT", 0)]
    [TestCase("soon", null)]
    public async Task The_time_that_the_endpoint_asks_for_is_passed_on(string retryAfter, int? seconds)
    {
        await using var endpoint = await StubEndpoint.StartAsync(429, "", ("Retry-After", retryAfter));
        Assert.That(((InferenceOutcome.Failed)await CompleteAsync(endpoint)).RetryAfter, Is.EqualTo(seconds is { } s ? TimeSpan.FromSeconds(s) : (TimeSpan?)null));
    }

    [Test]
    public async Task An_error_page_in_another_encoding_keeps_its_status()
    {
        await using var endpoint = await StubEndpoint.StartAsync(async (context, _) =>
        {
            context.Response.StatusCode = 503;
            await context.Response.Body.WriteAsync(Encoding.Latin1.GetBytes("{\"error\":\"é\"}"));
        });
        Assert.That(await CompleteAsync(endpoint), Is.EqualTo(new InferenceOutcome.Failed(InferenceError.Unavailable, "HTTP 503")));
    }

    [Test]
    public async Task A_reset_before_the_reply_is_a_lost_connection()
    {
        await using var endpoint = await StubEndpoint.StartAsync((context, _) =>
        {
            context.Abort();
            return Task.CompletedTask;
        });
        Assert.That(Wire.ErrorOf(await CompleteAsync(endpoint)), Is.EqualTo(InferenceError.ConnectionLost));
    }

    [Test]
    public async Task A_reply_that_breaks_off_is_a_lost_connection()
    {
        await using var endpoint = await StubEndpoint.StartAsync(async (context, _) =>
        {
            context.Response.ContentLength = Wire.Completion.Length;
            await context.Response.WriteAsync(Wire.Completion[..40]);
            await context.Response.Body.FlushAsync();
            context.Abort();
        });
        Assert.That(Wire.ErrorOf(await CompleteAsync(endpoint)), Is.EqualTo(InferenceError.ConnectionLost));
    }

    [Test]
    public async Task Nobody_listening_is_unreachable()
    {
        await using var endpoint = await StubEndpoint.StartAsync(200, Wire.Completion);
        var client = endpoint.Client(ModelProtocol.OpenAi, ("BaseUrl", "http://127.0.0.1:1/v1"));
        Assert.That(Wire.ErrorOf(await client.CompleteAsync(new ModelCall(Wire.Params), CancellationToken.None)), Is.EqualTo(InferenceError.Unreachable));
    }

    [Test]
    public async Task No_answer_in_time_is_a_timeout()
    {
        await using var endpoint = await StubEndpoint.StartAsync((context, _) => Task.Delay(Timeout.Infinite, context.RequestAborted));
        var outcome = await endpoint.Client(ModelProtocol.OpenAi, ("RequestTimeout", "00:00:00.05")).CompleteAsync(new ModelCall(Wire.Params), CancellationToken.None);
        Assert.That(Wire.ErrorOf(outcome), Is.EqualTo(InferenceError.Timeout));
    }

    [Test]
    public async Task A_canceled_wait_ends_with_an_exception_and_hangs_up()
    {
        var arrived = new TaskCompletionSource();
        var hungUp = new TaskCompletionSource();
        await using var endpoint = await StubEndpoint.StartAsync(async (context, _) =>
        {
            context.RequestAborted.Register(hungUp.SetResult);
            arrived.SetResult();
            await hungUp.Task;
        });
        using var canceled = new CancellationTokenSource();
        var call = endpoint.Client(ModelProtocol.OpenAi).CompleteAsync(new ModelCall(Wire.Params), canceled.Token);
        await arrived.Task;
        await canceled.CancelAsync();
        Assert.That(async () => await call, Throws.InstanceOf<OperationCanceledException>());
        await hungUp.Task.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task As_many_calls_as_prefetched_requests_are_open_at_once()
    {
        var arrived = 0;
        var all = new TaskCompletionSource();
        await using var endpoint = await StubEndpoint.StartAsync(async (context, _) =>
        {
            if (Interlocked.Increment(ref arrived) == 64)
            {
                all.SetResult();
            }

            await all.Task.WaitAsync(TimeSpan.FromSeconds(20));
            await StubEndpoint.AnswerAsync(context, 200, Wire.Completion);
        });
        var client = endpoint.Client(ModelProtocol.OpenAi);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => client.CompleteAsync(new ModelCall(Wire.Params), CancellationToken.None)));
        Assert.That(outcomes, Has.All.TypeOf<InferenceOutcome.Succeeded>());
    }

    private static Task<InferenceOutcome> CompleteAsync(StubEndpoint endpoint) =>
        endpoint.Client(ModelProtocol.OpenAi).CompleteAsync(new ModelCall(Wire.Params), CancellationToken.None);
}
