namespace BatchBus.Cli.Tests;

public sealed class HelpTests
{
    [TestCase(new string[0], new[] { "run <FILE>", "serve", "submit <FILE>", "watch <BATCH>", "results <BATCH>", "list", "cancel <BATCH>", "retry-failed <BATCH>", "explain <BATCH> <CUSTOM_ID>", "doctor", "simulate", "keys", "runpod" })]
    [TestCase(new[] { "--help" }, new[] { "run <FILE>", "serve", "submit <FILE>", "watch <BATCH>", "results <BATCH>", "list", "cancel <BATCH>", "retry-failed <BATCH>", "explain <BATCH> <CUSTOM_ID>", "doctor", "simulate", "keys", "runpod" })]
    [TestCase(new[] { "run", "--help" }, new[] { "--stage", "--endpoint <MODEL=URL>", "--served-model", "--output", "--data", "--again", "Exit code" })]
    [TestCase(new[] { "serve", "--help" }, new[] { "--urls", "appsettings.json", "http://127.0.0.1:8080" })]
    [TestCase(new[] { "health", "--help" }, new[] { "--url", "http://127.0.0.1:8080" })]
    [TestCase(new[] { "submit", "--help" }, new[] { "--stage", "--wait", "--idempotency-key", "--server", "--json", "BATCHBUS_URL", "BATCHBUS_API_KEY", "Exit code", "2 when some did not", "5 when the API key was refused" })]
    [TestCase(new[] { "watch", "--help" }, new[] { "--server", "--json", "\"event\": \"ended\"", "BATCHBUS_API_KEY", "Exit code", "2 when some did not", "4 when there is no such batch" })]
    [TestCase(new[] { "results", "--help" }, new[] { "--output", "--partial", "--failed", "--json", "Exit code", "whatever came of the requests" })]
    [TestCase(new[] { "list", "--help" }, new[] { "--limit", "--open", "--json", "Exit code", "3 when the server was not reached" })]
    [TestCase(new[] { "cancel", "--help" }, new[] { "--wait", "--json", "Exit code" })]
    [TestCase(new[] { "retry-failed", "--help" }, new[] { "--json", "the same new batch", "Exit code" })]
    [TestCase(new[] { "explain", "--help" }, new[] { "CUSTOM_ID", "--json", "/docs", "Exit code" })]
    [TestCase(new[] { "doctor", "--help" }, new[] { "--server", "--json", "Changes nothing", "Exit code", "2 when there is one" })]
    [TestCase(new[] { "simulate", "--help" }, new[] { "--urls", "--latency", "--api-key" })]
    [TestCase(new[] { "keys", "create", "--help" }, new[] { "--workspace" })]
    [TestCase(new[] { "runpod", "--help" }, new[] { "apply <FILE>", "status <NAME>", "delete <NAME>", "RUNPOD_API_KEY" })]
    [TestCase(new[] { "runpod", "apply", "--help" }, new[] { "--dry-run", "infra/runpod/*.json", "Exit code", "2 when something would change" })]
    public async Task Help_names_what_there_is(string[] args, string[] expected)
    {
        using var cli = new CommandLine();

        var run = await cli.RunAsync(args);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.Zero, run.Errors);
            foreach (var text in expected)
            {
                Assert.That(run.Output, Does.Contain(text));
            }
        }
    }

    [Test]
    public async Task A_list_of_commands_says_of_each_what_it_does_and_of_exit_codes_once()
    {
        using var cli = new CommandLine();

        var run = await cli.RunAsync("--help");

        var commands = run.Output.Split("Commands:")[1].Trim().Split(Environment.NewLine);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.Output.Split("Exit code"), Has.Length.EqualTo(2));
            Assert.That(commands, Has.Length.EqualTo(14).And.All.EndsWith("."));
        }
    }

    [TestCase(new[] { "submitt" }, "'submitt'", "batchbus --help")]
    [TestCase(new[] { "run", "a.jsonl", "--stag", "x" }, "'--stag'", "batchbus run --help")]
    [TestCase(new[] { "run" }, "FILE is missing. Write `batchbus run FILE`.", "batchbus run --help")]
    [TestCase(new[] { "explain" }, "BATCH and CUSTOM_ID are missing. Write `batchbus explain BATCH CUSTOM_ID`.", "batchbus explain --help")]
    [TestCase(new[] { "explain", "msgbatch_1" }, "CUSTOM_ID is missing.", "batchbus explain --help")]
    [TestCase(new[] { "results", "msgbatch_1", "--json" }, "--output", "batchbus results --help")]
    [TestCase(new[] { "list", "--limit", "0" }, "--limit is less than 1", "batchbus list --help")]
    [TestCase(new[] { "list", "--server", "localhost" }, "http://127.0.0.1:8080", "batchbus list --help")]
    [TestCase(new[] { "doctor", "--port", "80" }, "'--port'", "batchbus doctor --help")]
    [TestCase(new[] { "serve", "--port", "80" }, "'--port'", "batchbus serve --help")]
    [TestCase(new[] { "health", "--url", "127.0.0.1:8080" }, "127.0.0.1:8080", "batchbus health --help")]
    [TestCase(new[] { "simulate", "--latency", "20" }, "20", "batchbus simulate --help")]
    [TestCase(new[] { "runpod", "delete" }, "NAME is missing. Write `batchbus runpod delete NAME`.", "batchbus runpod delete --help")]
    public async Task A_mistake_is_named_with_where_to_look(string[] args, string mistake, string help)
    {
        using var cli = new CommandLine();

        var run = await cli.RunAsync(args);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(1));
            Assert.That(run.Errors, Does.Contain(mistake).And.Contain(help).And.Not.Contain("   at "));
        }
    }
}
