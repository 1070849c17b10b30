using System.Net;
using System.Text.Json;
using BatchBus.Contracts;
using BatchBus.Storage.Batches;
using BatchBus.Storage.Pages;
using BatchBus.Storage.Requests;
using BatchBus.Storage.Results;
using BatchBus.Storage.Usage;

namespace BatchBus.Api.Tests.Usage;

/// <summary>Usage is put into the store as a worker and the end of a batch do, with figures that can be calculated by hand.</summary>
[TestFixture(Mode.Embedded)]
[TestFixture(Mode.Real)]
public sealed class UsageTests(Mode mode)
{
    private ApiServer _server = null!;

    private static DateOnly Today => DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);

    /// <summary>The endpoints are never called: nothing is submitted to these models.</summary>
    [SetUp]
    public async Task StartAsync() => _server = await ApiServer.StartAsync(
        mode,
        ("BatchBus:Models:jobs:BaseUrl", "http://127.0.0.1:9/v2/jobs"),
        ("BatchBus:Models:jobs:Protocol", "RunPodJobs"),
        ("BatchBus:Models:jobs:DollarsPerGpuSecond", "0.001"),
        ("BatchBus:Models:jobs:ComparedWith:Name", "Claude Haiku 4.5 (batch)"),
        ("BatchBus:Models:open:BaseUrl", "http://127.0.0.1:9/v1"),
        ("BatchBus:Models:open:DollarsPerGpuSecond", "0.001"),
        ("BatchBus:Models:open:ComparedWith:Name", "Claude Haiku 5.5 (batch)"),
        ("BatchBus:Models:free:BaseUrl", "http://127.0.0.1:9/v1"));

    [TearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task Without_usage_every_figure_is_there_and_empty()
        => Assert.That((await _server.GetAsync("/v1/usage?from=2026-10-01&to=2026-10-02")).ToString(), Is.EqualTo(
            """{"workspace":"sales","from":"2026-10-01","to":"2026-10-02","total":{"requests":0,"succeeded":0,"errored":0,"input_tokens":0,"cached_tokens":0,"output_tokens":0,"gpu_seconds":0,"cost":{"dollars":null,"basis":"none"},"dollars_per_million_output_tokens":null,"managed_dollars":null,"cheaper":null},"models":[],"days":[],"endpoints":[]}"""));

    [Test]
    public async Task A_model_s_usage_has_its_cost_as_achieved_and_what_the_named_model_would_have_taken()
    {
        await UseAsync("sales", "jobs", input: 800_000, cached: 200_000, output: 400_000, gpuSeconds: 500);
        await UseAsync("other", "jobs", input: 1, cached: 1, output: 1, gpuSeconds: 1);

        var usage = await _server.GetAsync("/v1/usage");

        const string Figures = "\"succeeded\":1,\"errored\":0,\"input_tokens\":800000,\"cached_tokens\":200000,\"output_tokens\":400000,\"gpu_seconds\":500,";
        using (Assert.EnterMultipleScope())
        {
            Assert.That(usage.GetProperty("models")[0].ToString(), Is.EqualTo(
                $$$"""{"model":"jobs","requests":1,{{{Figures}}}"simulated":false,"cost":{"dollars":0.500,"basis":"gpu_seconds","dollars_per_gpu_second":0.001},"dollars_per_million_output_tokens":1.250,"managed":{"name":"Claude Haiku 4.5 (batch)","price_as_of":"2026-10-01","input_dollars_per_million":0.50,"output_dollars_per_million":2.50,"dollars":1.50},"cheaper":"self_hosted"}"""));
            Assert.That(usage.GetProperty("total").ToString(), Is.EqualTo(
                $$$"""{"requests":1,{{{Figures}}}"cost":{"dollars":0.500,"basis":"gpu_seconds"},"dollars_per_million_output_tokens":1.250,"managed_dollars":1.50,"cheaper":"self_hosted"}"""));
            Assert.That(usage.GetProperty("days").GetArrayLength(), Is.EqualTo(1));
            Assert.That(usage.GetProperty("days")[0].GetProperty("models").ToString(), Is.EqualTo(usage.GetProperty("models").ToString()));
            Assert.That(usage.GetProperty("from").GetString(), Is.EqualTo($"{Today.AddDays(-29):yyyy-MM-dd}"), "30 days when nothing is said");
        }
    }

    [Test]
    public async Task Where_the_managed_model_would_have_been_cheaper_it_says_so_and_what_is_unknown_for_one_is_unknown_for_all()
    {
        await UseAsync("sales", "jobs", input: 0, cached: 0, output: 400_000, gpuSeconds: 500);
        await UseAsync("sales", "open", input: 0, cached: 0, output: 400_000, gpuSeconds: 500);
        var both = (await _server.GetAsync("/v1/usage")).Clone();

        await UseAsync("sales", "free", input: 0, cached: 0, output: 1, gpuSeconds: 1);
        var all = await _server.GetAsync("/v1/usage");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Strings(both, "model"), Is.EqualTo(new[] { "jobs", "open" }));
            Assert.That(Strings(both, "cheaper"), Is.EqualTo(new[] { "self_hosted", "managed" }));
            Assert.That(both.GetProperty("models").EnumerateArray().Select(model => model.GetProperty("cost").GetProperty("basis").GetString()), Is.EqualTo(new[] { "gpu_seconds", "tokens" }));
            Assert.That(both.GetProperty("total").GetProperty("cost").ToString(), Is.EqualTo("""{"dollars":1.000,"basis":"tokens"}"""));
            Assert.That(both.GetProperty("total").GetProperty("managed_dollars").GetDecimal(), Is.EqualTo(1.1m));
            Assert.That(both.GetProperty("total").GetProperty("cheaper").GetString(), Is.EqualTo("self_hosted"));
            Assert.That(all.GetProperty("models")[0].GetProperty("cost").ToString(), Is.EqualTo("""{"dollars":null,"basis":"none","dollars_per_gpu_second":null}"""));
            Assert.That(all.GetProperty("total").GetProperty("cost").ToString(), Is.EqualTo("""{"dollars":null,"basis":"none"}"""));
            Assert.That(all.GetProperty("total").GetProperty("cheaper").ValueKind, Is.EqualTo(JsonValueKind.Null));
        }
    }

    [Test]
    public async Task Of_an_endpoint_it_shows_what_was_billed_and_idle_and_how_full_it_must_be()
    {
        var meter = _server.Part<EndpointMeter>();
        await meter.AddAsync("jobs", Today, 2_000_000_000, 500_000_000);
        await meter.AddAsync("unknown", Today, 10_000_000, 20_000_000);
        await UseAsync("sales", "jobs", input: 0, cached: 0, output: 400_000, gpuSeconds: 500);

        var endpoints = (await _server.GetAsync("/v1/usage")).GetProperty("endpoints");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(endpoints[0].ToString(), Is.EqualTo(
                """{"endpoint":"jobs","billed_seconds":2000,"busy_seconds":500,"idle_seconds":1500,"billed_dollars":2.000,"busy_dollars":0.500,"idle_dollars":1.500,"utilization":0.25,"break_even_utilization":0.5,"cheaper":"managed"}"""));
            Assert.That(endpoints[1].ToString(), Is.EqualTo(
                """{"endpoint":"unknown","billed_seconds":10,"busy_seconds":20,"idle_seconds":0,"billed_dollars":null,"busy_dollars":null,"idle_dollars":null,"utilization":2,"break_even_utilization":null,"cheaper":null}"""));
        }
    }

    [Test]
    public async Task A_batch_counts_while_it_is_executed_after_its_end_and_after_its_deletion()
    {
        _server.SetLatency("lognormal:400ms,0");
        var id = (await _server.CreateAsync("""{"requests":[{"custom_id":"a","params":{"model":"mistral-7b","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}},{"custom_id":"b","params":{"model":"gpt-9"}}]}""")).GetProperty("id").GetString()!;
        await _server.EndAsync(id);
        var ended = await UsedAsync();

        var deleted = await _server.SendAsync(HttpMethod.Delete, $"/v1/messages/batches/{id}");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(deleted.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(ended, Does.Contain("\"model\":\"mistral-7b\",\"requests\":1,\"succeeded\":1,\"errored\":0").And.Contain("\"simulated\":true").And.Contain("\"cheaper\":null"));
            Assert.That(await UsedAsync(), Is.EqualTo(ended));
        }

        async Task<string> UsedAsync() => (await _server.GetAsync("/v1/usage")).GetProperty("models").ToString();
    }

    [TestCase("?from=yesterday", "from: Input should be a date such as 2026-10-01")]
    [TestCase("?to=2026-02-30", "to: Input should be a date such as 2026-10-01")]
    [TestCase("?to=2026-10-01T00:00:00Z", "to: Input should be a date such as 2026-10-01")]
    [TestCase("?from=2026-10-01&from=2026-10-02", "from: Input should be a date such as 2026-10-01")]
    [TestCase("?from=2026-10-02&to=2026-10-01", "from: 2026-10-02 is after to, 2026-10-01. Exchange the two.")]
    [TestCase("?from=2026-10-01&to=9999-12-31", "from: Input should be at most 400 days before to")]
    [TestCase("?workspace=other", "workspace: this API key belongs to the workspace \"sales\"")]
    public async Task A_bad_query_is_refused(string query, string message)
        => await _server.AssertErrorAsync(await _server.SendAsync(HttpMethod.Get, $"/v1/usage{query}"), HttpStatusCode.BadRequest, "invalid_request_error", message);

    [TestCase("?from=9999-12-31&to=9999-12-31")]
    [TestCase("?from=0001-01-01&to=0001-01-01")]
    [TestCase("?to=0001-01-02")]
    [TestCase("?workspace=sales")]
    public async Task An_odd_query_is_answered(string query)
        => Assert.That((await _server.GetAsync($"/v1/usage{query}")).GetProperty("workspace").GetString(), Is.EqualTo("sales"));

    [Test]
    public async Task Usage_is_shown_to_callers_only()
        => await _server.AssertErrorAsync(
            await _server.SendAsync(HttpMethod.Get, "/v1/usage", null, ("x-api-key", "wrong")), HttpStatusCode.Unauthorized, "authentication_error", "Invalid API key");

    private static IEnumerable<string?> Strings(JsonElement usage, string name) => usage.GetProperty("models").EnumerateArray().Select(model => model.GetProperty(name).GetString());

    private async Task UseAsync(string workspace, string model, int input, int cached, int output, int gpuSeconds)
    {
        var batches = _server.Part<BatchStore>();
        var upload = await batches.BeginUploadAsync();
        await upload.AddAsync(model, yieldsToStage: false, new StoredRequest(0, "a", 1, "", "{}"u8.ToArray()));
        var record = (await batches.CommitAsync(upload, workspace, null, null, TimeSpan.FromHours(1)))!;
        await _server.Part<ResultStore>().StoreAsync(new Page(record.BatchId, 0, 0, 1), "tests", [(0, new StoredResult(0, "a", RequestOutcome.Succeeded, input, cached, output, gpuSeconds * 1_000_000L, "{}\n"u8.ToArray()))]);
        await batches.CloseAsync(record.BatchId, BatchEndReason.Completed);
        await _server.Part<UsageLedger>().RecordAsync((await batches.FindAsync(record.BatchId))!);
    }
}
