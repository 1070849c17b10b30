using System.Text.Json;
using BatchBus.Simulator;

namespace BatchBus.Cli.Tests.Running;

public sealed class When_a_file_is_run
{
    private CommandLine _cli = null!;

    [SetUp]
    public void SetUp() => _cli = new CommandLine();

    [TearDown]
    public void TearDown() => _cli.Dispose();

    [Test]
    public async Task Should_write_a_result_for_each_request_and_say_that_it_was_simulated()
    {
        var run = await _cli.RunAsync("run", CommandLine.Sample);

        Assert.That(run.ExitCode, Is.Zero, run.Errors);
        var expected = File.ReadLines(CommandLine.Sample).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("custom_id").GetString());
        var outcomes = Requests.Outcomes(_cli.Read("leads.results.jsonl"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcomes.Keys, Is.EquivalentTo(expected));
            Assert.That(outcomes.Values, Is.All.EqualTo("succeeded"));
            Assert.That(run.Output, Does.Contain("simulated:").And.Contain("llama-70b").And.Contain("Claude Haiku 4.5 (batch)").And.Contain("price of 2026-10-01").And.Contain("48 succeeded"));
            Assert.That(run.Errors, Does.Contain("SIMULATED"));
            Assert.That(Directory.GetFiles(_cli.Folder), Has.Length.EqualTo(1), "nothing temporary is left beside the results");
        }
    }

    [Test]
    public async Task Should_call_the_endpoint_that_is_given_by_the_name_it_knows()
    {
        await using var endpoint = await SimulatorServer.StartAsync(new SimulatorOptions { Models = ["mistral:latest"] });
        var file = _cli.Write("leads.jsonl", Requests.Lines(10));
        var output = Path.Combine(_cli.Folder, "answers.jsonl");

        var run = await _cli.RunAsync(
            "run", file, "--endpoint", $"mistral-7b={endpoint.BaseAddress}v1", "--served-model", "mistral-7b=mistral:latest", "--endpoint", $"mistral={endpoint.BaseAddress}v1", "--output", output, "--data", "elsewhere");

        Assert.That(run.ExitCode, Is.Zero, run.Errors);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(endpoint.Log.Count().Total, Is.EqualTo(10));
            Assert.That(endpoint.Log.Entries.Select(call => call.Model), Is.All.EqualTo("mistral:latest"));
            Assert.That(Requests.Outcomes(_cli.Read("answers.jsonl")), Has.Count.EqualTo(10));
            Assert.That(Directory.Exists(Path.Combine(_cli.Folder, "elsewhere")), Is.True);
            Assert.That(run.Output, Does.Not.Contain("simulated"), "the model has an endpoint");
            Assert.That(run.Output, Does.Contain("Claude Haiku 4.5 (batch) would have"));
            Assert.That(run.Output, Does.Contain("mistral: no request of leads.jsonl goes to this model").And.Contain("They go to mistral-7b."));
        }
    }

    [Test]
    public async Task Should_send_requests_that_name_no_model_to_the_stage_s()
    {
        var line = """{"custom_id":"lead-1","params":{"max_tokens":50,"messages":[{"role":"user","content":"Hello"}]}}""";
        var file = _cli.Write("leads.jsonl", "", line, "   ");

        var run = await _cli.RunAsync("run", file, "--stage", "polish");

        Assert.That(run.ExitCode, Is.Zero, run.Errors);
        Assert.That(run.Output, Does.Contain("llama-70b").And.Not.Contain("mistral-7b"));
    }

    [Test]
    public async Task Should_exit_with_2_and_name_the_requests_that_did_not_succeed()
    {
        var file = _cli.Write("leads.jsonl", Requests.Line("good"), Requests.Line("unroutable", hint: "gpt-oss"));

        var run = await _cli.RunAsync("run", file);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(2), run.Errors);
            Assert.That(run.Errors, Does.Contain("unroutable: ").And.Contain("gpt-oss"));
            Assert.That(run.Output, Does.Contain("1 succeeded").And.Contain("1 errored"));
            Assert.That(Requests.Outcomes(_cli.Read("leads.results.jsonl"))["unroutable"], Is.EqualTo("errored"));
        }
    }
}
