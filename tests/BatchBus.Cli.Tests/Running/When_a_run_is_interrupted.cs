using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Cli.Tests.Running;

public sealed partial class When_a_run_is_interrupted
{
    private const int Count = 600;

    /// <summary>An answer may be lost with the process that is about to keep it; after this time it is kept.</summary>
    private static readonly TimeSpan OnItsWay = TimeSpan.FromSeconds(1);

    private CommandLine _cli = null!;
    private SimulatorServer _endpoint = null!;

    [SetUp]
    public async Task SetUpAsync()
    {
        _cli = new CommandLine();
        _endpoint = await SimulatorServer.StartAsync(new SimulatorOptions { Latency = SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(400)) });
        _cli.Write("leads.jsonl", Requests.Lines(Count));
    }

    [TearDown]
    public async Task TearDownAsync()
    {
        await _endpoint.DisposeAsync();
        _cli.Dispose();
    }

    [Test]
    public async Task Should_resume_the_same_batch_after_a_kill_and_ask_nothing_answered_again()
    {
        string first;
        HashSet<ulong> kept;
        using (var run = Start())
        {
            await APartIsDoneAsync();
            var now = _endpoint.Log.Now;
            run.Kill();
            kept = [.. _endpoint.Log.Entries.Where(call => call.End < now - OnItsWay).Select(call => call.Key)];
            first = BatchIdIn(run.Output);
        }

        var resumed = await RunAsync();

        Assert.That(resumed.ExitCode, Is.Zero, resumed.Errors);
        var repeated = _endpoint.Log.Entries.GroupBy(call => call.Key).Where(calls => calls.Count() > 1).Select(calls => calls.Key);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(resumed.Output, Does.Contain($"Resuming {first}"));
            Assert.That(kept, Is.Not.Empty);
            Assert.That(repeated.Intersect(kept), Is.Empty, "what was answered is not asked again");
            Assert.That(Requests.Outcomes(_cli.Read("leads.results.jsonl")), Has.Count.EqualTo(Count));
        }
    }

    [Test]
    public async Task Should_find_the_batch_whose_create_was_never_recorded_as_answered()
    {
        string first;
        using (var run = Start())
        {
            await APartIsDoneAsync();
            run.Kill();
            first = BatchIdIn(run.Output);
        }

        var path = Directory.GetFiles(Path.Combine(_cli.Folder, ".batchbus", "runs"), "*.json").Single();
        var record = JsonNode.Parse(await File.ReadAllTextAsync(path))!;
        record["batch_id"] = null;
        await File.WriteAllTextAsync(path, record.ToJsonString());

        var resumed = await RunAsync();

        Assert.That(resumed.ExitCode, Is.Zero, resumed.Errors);
        Assert.That(resumed.Output, Does.Contain($"Resuming {first}"));
    }

    [Test]
    public async Task Should_say_how_to_resume_when_asked_to_stop()
    {
        using var run = Start();
        await APartIsDoneAsync();

        run.Interrupt();
        var ended = await run.EndAsync();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ended.ExitCode, Is.EqualTo(1));
            Assert.That(ended.Errors, Does.Contain("Start the same command again to resume").And.Not.Contain("   at "));
            Assert.That(File.Exists(Path.Combine(_cli.Folder, "leads.results.jsonl")), Is.False);
        }
    }

    [Test]
    public async Task Should_write_the_results_again_when_there_is_nothing_to_resume_and_run_anew_only_when_asked()
    {
        _endpoint.Latency = SimulatedLatency.Fixed(TimeSpan.Zero);
        var first = await RunAsync();
        var written = _cli.Read("leads.results.jsonl");
        File.Delete(Path.Combine(_cli.Folder, "leads.results.jsonl"));

        var second = await RunAsync();
        Assert.That(second.ExitCode, Is.Zero, second.Errors);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(second.Output, Does.Contain($"has been run before ({BatchIdIn(first.Output)})").And.Contain("--again"));
            Assert.That(_cli.Read("leads.results.jsonl"), Is.EqualTo(written));
            Assert.That(_endpoint.Log.Count().Total, Is.EqualTo(Count));
        }

        // As if the run had been interrupted, and another process had gone on to the end.
        var path = Directory.GetFiles(Path.Combine(_cli.Folder, ".batchbus", "runs"), "*.json").Single();
        var record = JsonNode.Parse(await File.ReadAllTextAsync(path))!;
        record["is_written"] = false;
        await File.WriteAllTextAsync(path, record.ToJsonString());
        var meanwhile = await RunAsync();
        await File.WriteAllTextAsync(path, record.ToJsonString());
        Assert.That(meanwhile.Output, Does.Contain($"{BatchIdIn(first.Output)} (leads.jsonl) has ended meanwhile").And.Contain("--again").And.Not.Contain("Resuming"));

        var third = await RunAsync("--again");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(third.ExitCode, Is.Zero, third.Errors);
            Assert.That(third.Output, Does.Contain("Submitted"));
            Assert.That(_endpoint.Log.Count().Total, Is.EqualTo(2 * Count));
        }
    }

    [Test]
    public async Task Should_say_why_nothing_moves_and_go_on_with_settings_that_are_right()
    {
        using (var run = Start("--served-model", "mistral-7b=another"))
        {
            await Eventually.ThatAsync(() => run.Errors.Contains("--served-model mistral-7b=NAME", StringComparison.Ordinal), "it says what to do");
            Assert.That(run.Output, Does.Not.Contain("to go"));
            run.Interrupt();
            await run.EndAsync();
        }

        _endpoint.Latency = SimulatedLatency.Fixed(TimeSpan.Zero);
        var resumed = await RunAsync();

        Assert.That(resumed.ExitCode, Is.Zero, resumed.Errors);
        Assert.That(resumed.Output, Does.Contain("Resuming"));
    }

    private static string BatchIdIn(string output) => BatchId.Match(output).Value;

    [GeneratedRegex("msgbatch_[A-Za-z0-9]{24}")]
    private static partial Regex BatchId { get; }

    private CommandLine.Running Start(params string[] args) => _cli.Start(["run", "leads.jsonl", "--endpoint", $"mistral-7b={_endpoint.BaseAddress}v1", .. args]);

    private async Task<CommandLine.Ended> RunAsync(params string[] args)
    {
        using var run = Start(args);
        return await run.EndAsync();
    }

    private Task APartIsDoneAsync() => Eventually.ThatAsync(
        () => _endpoint.Log.Entries.Count(call => call.Outcome is SimulatedOutcome.Completed) >= Count / 2, "half is answered");
}
