using System.Text.Json;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Cli.Tests.Batches;

/// <summary>The commands against a server, as a person and as a script would use them.</summary>
public sealed class BatchCommandsTests
{
    private const string Invalid = """{"custom_id":"bad","metadata":{"model_hint":"mistral-7b"},"params":{"max_tokens":"ten","messages":[{"role":"user","content":"hi"}]}}""";
    private const string Unroutable = """{"custom_id":"lost","metadata":{"stage":"nonsense"},"params":{"max_tokens":10,"messages":[{"role":"user","content":"hi"}]}}""";

    private RunningServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await RunningServer.StartAsync();

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [SetUp]
    public void SetUp()
    {
        _server.Models.Latency = SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(20));
        _server.Models.Endpoint("v1").Reset();
    }

    [Test]
    public async Task A_watch_says_why_nothing_moves()
    {
        _server.Models.Endpoint("v1").Outage = SimulatedOutage.Answer(401);
        var id = await _server.SubmitAsync(Requests.Lines(2));
        using var watch = _server.Cli.Start("watch", id);

        await Eventually.ThatAsync(() => watch.Output.Contains("mistral-7b: The endpoint is stopped", StringComparison.Ordinal), "it says what stands in the way");

        Assert.That(watch.Output, Does.Contain("BatchBus__Models__mistral-7b__ApiKey").And.Not.Contain("to go"));
        _server.Models.Endpoint("v1").Outage = null;
        Assert.That((await watch.EndAsync()).ExitCode, Is.Zero);

        // Where its worker tells that the endpoint is back, a moment later, the other tests find the server well.
        await Eventually.ThatAsync(async () => (await _server.Cli.RunAsync("doctor")).ExitCode == 0, "the endpoint is in use again");
    }

    [Test]
    public async Task A_batch_is_submitted_watched_listed_and_downloaded()
    {
        var file = _server.Cli.Write("leads.jsonl", Requests.Lines(40));

        var submitted = await _server.Cli.RunAsync("submit", file);
        var id = submitted.Output.Trim();
        var watched = await _server.Cli.RunAsync("watch", id);
        var events = (await _server.RunAsync("watch", id, "--json")).Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToList();
        var printed = await _server.RunAsync("results", id);
        var written = await _server.RunAsync("results", id, "--output", "answers.jsonl", "--json");
        var failed = await _server.Cli.RunAsync("results", id, "--failed");
        var listed = JsonDocument.Parse((await _server.RunAsync("list", "--limit", "1", "--json")).Split('\n').Single()).RootElement;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(submitted.ExitCode, Is.Zero);
            Assert.That(id, Does.Match("^msgbatch_[0-9A-Za-z]{24}$"), "the id alone, for scripts");
            Assert.That(submitted.Errors, Does.Contain("leads.jsonl (40 requests)"));
            Assert.That(watched.ExitCode, Is.Zero);
            Assert.That(watched.Output, Does.Contain("40 succeeded").And.Contain("mistral-7b").And.Contain($"batchbus results {id}"));
            Assert.That(events[^1].GetProperty("event").GetString(), Is.EqualTo("ended"));
            Assert.That(events[^1].GetProperty("succeeded").GetInt32(), Is.EqualTo(40));
            Assert.That(Requests.Outcomes(printed.Split('\n')), Has.Count.EqualTo(40));
            Assert.That(_server.Cli.Read("answers.jsonl"), Is.EqualTo(printed.Split('\n')));
            Assert.That(JsonDocument.Parse(written).RootElement.GetProperty("succeeded").GetInt32(), Is.EqualTo(40));
            Assert.That((failed.Output.Trim(), failed.Errors.Trim()), Is.EqualTo(("", $"Every request of {id} succeeded.")));
            Assert.That(listed.GetProperty("id").GetString(), Is.EqualTo(id), "the newest comes first");
            Assert.That(await _server.RunAsync("list"), Does.Contain(id).And.Contain("ended"));
            Assert.That(Directory.GetFiles(_server.Cli.Folder, "*.partial"), Is.Empty);
        }
    }

    [Test]
    public async Task What_did_not_succeed_is_shown_explained_and_tried_again_once()
    {
        var file = _server.Cli.Write("leads.jsonl", Requests.Line("good"), Invalid, Unroutable);

        var run = await _server.Cli.RunAsync("submit", file, "--wait", "--json");
        var batch = JsonDocument.Parse(run.Output).RootElement;
        var id = batch.GetProperty("id").GetString()!;

        Assert.That(run.ExitCode, Is.EqualTo(2), run.Errors);
        var failed = Requests.Outcomes((await _server.RunAsync("results", id, "--failed")).Split('\n'));
        var retried = await _server.Cli.RunAsync("retry-failed", id);
        var again = retried.Output.Trim();
        var repeated = await _server.RunAsync("retry-failed", id);
        var ended = await _server.Cli.RunAsync("watch", again);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(batch.GetProperty("processing_status").GetString(), Is.EqualTo("ended"));
            Assert.That(failed.Keys, Is.EquivalentTo(new[] { "bad", "lost" }));
            Assert.That(await _server.RunAsync("explain", id, "good"), Does.StartWith("good: succeeded").And.Contain("metadata.model_hint"));
            Assert.That(await _server.RunAsync("explain", id, "bad"), Does.StartWith("bad: errored").And.Contain("invalid_request_error: max_tokens"));
            Assert.That(await _server.RunAsync("explain", id, "lost"), Does.Contain("unknown stage \"nonsense\"").And.Contain("sales_intel"));
            Assert.That(retried.Errors, Does.Contain($"`batchbus watch {again}`").And.Contain("they will fail again"));
            Assert.That(again, Is.Not.EqualTo(id).And.EqualTo(repeated), "asked for twice, one new batch");
            Assert.That(ended.ExitCode, Is.EqualTo(2));
            Assert.That(ended.Output, Does.Contain("2 errored").And.Contain("mend them").And.Not.Contain("retry-failed"), "neither would succeed as it is");
            Assert.That(Requests.Outcomes((await _server.RunAsync("results", again)).Split('\n')).Keys, Is.EquivalentTo(new[] { "bad", "lost" }));
        }
    }

    [Test]
    public async Task A_batch_that_waits_is_explained_canceled_and_then_tried_again_to_its_end()
    {
        _server.Models.Endpoint("v1").Workers = new SimulatedWorkers { Max = 0 };
        var id = await _server.SubmitAsync(Requests.Lines(30));
        await Eventually.ThatAsync(() => _server.Models.Log.Open > 0, "requests are with the model");

        var last = await _server.RunAsync("explain", id, "lead-0029");
        var first = JsonDocument.Parse(await _server.RunAsync("explain", id, "lead-0000", "--json")).RootElement;
        var open = await _server.RunAsync("list", "--open");
        using var cancel = _server.Cli.Start("cancel", id, "--wait");
        await Eventually.ThatAsync(async () => (await _server.RunAsync("list", "--open")).Contains("canceling", StringComparison.Ordinal), "the cancel is recorded");
        _server.Models.Endpoint("v1").Workers = null;
        var canceled = await cancel.EndAsync();
        var watched = await _server.Cli.RunAsync("watch", id);
        var left = Requests.Outcomes((await _server.RunAsync("results", id)).Split('\n')).Where(outcome => outcome.Value == "canceled").Select(outcome => outcome.Key).ToList();
        var again = await _server.RunAsync("retry-failed", id);
        var ended = await _server.Cli.RunAsync("watch", again);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(last, Does.StartWith("lead-0029: waiting").And.Contain("before it").And.Contain("1 worker executes up to 4 requests"));
            Assert.That(first.GetProperty("status").GetString(), Is.EqualTo("with_worker"));
            Assert.That(first.GetProperty("queue").GetProperty("worker").GetString(), Is.Not.Empty);
            Assert.That(open, Does.Contain(id).And.Contain("in_progress"));
            Assert.That(canceled.ExitCode, Is.Zero, canceled.Errors);
            Assert.That(canceled.Output, Does.Contain($"{id} has ended").And.Contain("canceled"));
            Assert.That(watched.Output, Does.Match(@"canceled or expired +\d").And.Contain($"batchbus retry-failed {id}"));
            Assert.That(left, Is.Not.Empty);
            Assert.That(ended.ExitCode, Is.Zero, ended.Output);
            Assert.That(Requests.Outcomes((await _server.RunAsync("results", again)).Split('\n')).Keys, Is.EquivalentTo(left));
            Assert.That(await _server.RunAsync("list", "--open"), Does.Not.Contain(id));
        }
    }

    [Test]
    public async Task The_same_name_gives_the_same_batch()
    {
        var file = _server.Cli.Write("leads.jsonl", Requests.Line("a"));

        var first = await _server.RunAsync("submit", file, "--idempotency-key", "monday");

        Assert.That(await _server.RunAsync("submit", file, "--idempotency-key", "monday"), Is.EqualTo(first));
        Assert.That(await _server.RunAsync("submit", file), Is.Not.EqualTo(first));
    }

    [Test]
    public async Task A_download_that_was_interrupted_is_gone_on_with()
    {
        var id = await _server.SubmitAsync(Requests.Lines(5));
        await _server.RunAsync("watch", id);
        var lines = (await _server.RunAsync("results", id)).Split('\n');

        // What is there already is not fetched again, as its change shows; what is there of a third line is.
        var marked = lines[0].Replace("lead-0000", "LEAD-0000", StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(_server.Cli.Folder, $"answers.jsonl.{id}.partial"), $"{marked}\n{lines[1]}\n{lines[2][..40]}");
        await _server.RunAsync("results", id, "--output", "answers.jsonl");

        Assert.That(_server.Cli.Read("answers.jsonl"), Is.EqualTo((string[])[marked, .. lines[1..]]));
    }

    [TestCase("no results at all\n")]
    [TestCase("{\"custom_id\":1}\n")]
    public async Task What_is_no_download_of_this_batch_is_replaced(string content)
    {
        var id = await _server.SubmitAsync(Requests.Lines(2));
        await _server.RunAsync("watch", id);
        await File.WriteAllTextAsync(Path.Combine(_server.Cli.Folder, $"answers.jsonl.{id}.partial"), content);

        await _server.RunAsync("results", id, "--output", "answers.jsonl");

        Assert.That(_server.Cli.Read("answers.jsonl"), Is.EqualTo((await _server.RunAsync("results", id)).Split('\n')));
    }

    [Test]
    public async Task The_results_so_far_are_whole_lines()
    {
        _server.Models.Latency = SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(500));
        var id = await _server.SubmitAsync(Requests.Lines(40));

        var refused = await _server.Cli.RunAsync("results", id);
        var part = await Eventually.ReadAsync(() => _server.RunAsync("results", id, "--partial"), output => output.Length > 0, "some results are there");
        await _server.RunAsync("cancel", id);

        Assert.That((refused.ExitCode, refused.Errors), Is.EqualTo((4, refused.Errors)));
        Assert.That(refused.Errors, Does.Contain("still runs").And.Contain($"`batchbus watch {id}`").And.Contain($"`batchbus results {id} --partial`").And.Not.Contain("processing_status"));
        Assert.That(Requests.Outcomes(part.Split('\n')).Values, Is.All.EqualTo("succeeded"));
    }

    [Test]
    public async Task A_stranger_and_a_mistake_are_told_what_to_do()
    {
        var unknown = await _server.Cli.RunAsync("watch", "msgbatch_010352LTegJpzjDqOpoDSxUG");
        var key = _server.Cli.Environment["BATCHBUS_API_KEY"];
        CommandLine.Ended wrong, none;
        try
        {
            _server.Cli.Environment["BATCHBUS_API_KEY"] = "nonsense";
            wrong = await _server.Cli.RunAsync("list");
            _server.Cli.Environment["BATCHBUS_API_KEY"] = null;
            none = await _server.Cli.RunAsync("list");
        }
        finally
        {
            _server.Cli.Environment["BATCHBUS_API_KEY"] = key;
        }

        var away = await _server.Cli.RunAsync("list", "--server", $"http://127.0.0.1:{LoopbackPort.FindFree()}");
        var alien = await _server.Cli.RunAsync("list", "--server", _server.Models.BaseAddress.AbsoluteUri);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((unknown.ExitCode, wrong.ExitCode, none.ExitCode, away.ExitCode, alien.ExitCode), Is.EqualTo((4, 5, 5, 3, 1)));
            Assert.That(unknown.Errors, Does.Contain("no message batch").And.Contain("batchbus list"));
            Assert.That(wrong.Errors, Does.Contain("BATCHBUS_API_KEY").And.Contain("batchbus keys create").And.Not.Contain("nonsense"));
            Assert.That(none.Errors, Does.Contain("wants an API key").And.Contain("BATCHBUS_API_KEY"));
            Assert.That(away.Errors, Does.Contain("batchbus serve").And.Contain("BATCHBUS_URL").And.Not.Contain("   at "));
            Assert.That(alien.Errors, Does.Contain("is not BatchBus"));
        }
    }

    [Test]
    public async Task The_doctor_finds_a_server_that_is_ready()
    {
        var run = await _server.Cli.RunAsync("doctor");

        Assert.That(run.ExitCode, Is.Zero, run.Output);
        Assert.That(run.Output, Does.Contain($"The server at {_server.Url} is ready").And.Contain("serves mistral-7b").And.Contain("llama-70b has no endpoint"));
    }
}
