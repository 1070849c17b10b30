namespace BatchBus.Cli.Tests.Running;

public sealed class When_a_file_cannot_be_run
{
    private CommandLine _cli = null!;

    [SetUp]
    public void SetUp() => _cli = new CommandLine();

    [TearDown]
    public void TearDown() => _cli.Dispose();

    [Test]
    public async Task Should_say_that_it_does_not_exist() => await AssertRefusedAsync("leads.jsonl does not exist", "leads.jsonl");

    [Test]
    public async Task Should_say_that_it_is_empty() => await AssertRefusedAsync("is empty", _cli.Write("leads.jsonl", "", " "));

    [TestCase("""{"custom_id": }""", "line 3: this is not JSON")]
    [TestCase("""{"custom_id": "a"} {}""", "line 3: this is not JSON: '{' is invalid after a single JSON value")]
    [TestCase("[1]", "line 3: this is no JSON object")]
    public async Task Should_name_the_line_that_is_no_request(string line, string message)
        => await AssertRefusedAsync(message, _cli.Write("leads.jsonl", Requests.Line("a"), "", line));

    [Test]
    public async Task Should_say_what_the_server_refused_and_take_the_mended_file()
    {
        _cli.Environment["BatchBus__MaxBatchRequests"] = "2";
        await AssertRefusedAsync("at most 2 items. Split the batch. Nothing was run.", _cli.Write("leads.jsonl", Requests.Lines(3)));
        await AssertRefusedAsync("at indexes 0 and 1 (requests are counted from 0). Nothing was run.", _cli.Write("leads.jsonl", Requests.Line("a"), Requests.Line("a")));
        await AssertRefusedAsync("Known stages: email, polish, sales_intel, subject", _cli.Write("leads.jsonl", Requests.Line("a")), "--stage", "sale_intel");

        Assert.That((await _cli.RunAsync("run", "leads.jsonl")).ExitCode, Is.Zero);
    }

    [Test]
    public async Task Should_explain_settings_that_do_not_fit()
    {
        var file = _cli.Write("leads.jsonl", Requests.Line("a"));

        await AssertRefusedAsync("BatchBus:Models:mistral-7b:BaseUrl is no absolute http or https address", file, "--endpoint", "mistral-7b=localhost");
        await AssertRefusedAsync("write it as MODEL=URL", file, "--endpoint", "http://localhost");
    }

    [Test]
    public async Task Should_say_what_to_do_where_another_process_uses_the_data_folder()
    {
        Directory.CreateDirectory(Path.Combine(_cli.Folder, ".batchbus"));
        await using var held = new FileStream(Path.Combine(_cli.Folder, ".batchbus", "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

        var file = _cli.Write("leads.jsonl", Requests.Line("a"));

        await AssertRefusedAsync($"batchbus submit {file} --wait", file);
    }

    private async Task AssertRefusedAsync(string message, params string[] args)
    {
        var run = await _cli.RunAsync(["run", .. args]);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(1));
            Assert.That(run.Errors, Does.Contain(message).And.Not.Contain("   at ").And.Not.Contain(".."), "sentences and no stack trace");
            Assert.That(Directory.GetFiles(_cli.Folder, "*.results.jsonl*"), Is.Empty);
        }
    }
}
