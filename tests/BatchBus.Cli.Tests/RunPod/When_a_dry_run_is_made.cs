namespace BatchBus.Cli.Tests.RunPod;

public sealed class When_a_dry_run_is_made
{
    private Account _account = null!;

    [SetUp]
    public async Task SetUp() => _account = await Account.OpenAsync();

    [TearDown]
    public async Task TearDown() => await _account.DisposeAsync();

    [Test]
    public async Task Prints_the_requests_and_sends_nothing_that_changes()
    {
        _account.Define(Account.Definition());
        var other = Account.Definition("other");
        _account.RunPod.Have(Account.Filled(other));
        other["timeout"] = 700000;
        _account.Define(other);

        var run = await _account.RunAsync("apply", "--dry-run");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(2), run.Errors);
            Assert.That(run.Output, Does.Contain($"POST {_account.RunPod.Address}/v2/serverless\n{{\n  \"name\": \"mistral-7b\","));
            Assert.That(run.Output, Does.Contain("\"HF_TOKEN\": \"${HF_TOKEN}\""));
            Assert.That(run.Output, Does.Contain($"PATCH {_account.RunPod.Address}/v2/serverless/ep1abc\n{{\n  \"timeout\": 700000\n}}\n"));
            Assert.That(run.Output, Does.Contain("Dry run: 2 requests not sent."));
            Assert.That(_account.RunPod.Changes, Is.Empty);
        }
    }

    [Test]
    public async Task Exits_with_0_when_nothing_would_change()
    {
        _account.Define(Account.Definition());
        _account.RunPod.Have(Account.Filled(Account.Definition()));

        var run = await _account.RunAsync("apply", "--dry-run");

        Assert.That((run.ExitCode, _account.RunPod.Changes.Count), Is.EqualTo((0, 0)), run.Errors);
        Assert.That(run.Output, Does.Contain("Dry run: nothing to do."));
    }

    [Test]
    public async Task Without_a_key_says_that_it_could_not_compare()
    {
        _account.Environment["RUNPOD_API_KEY"] = null;
        _account.Define(Account.Definition());

        var run = await _account.RunAsync("apply", "--dry-run");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(2), run.Errors);
            Assert.That(run.Output, Does.Contain("POST ").And.Contain("Without RUNPOD_API_KEY there was nothing to compare with"));
            Assert.That(_account.RunPod.Requests, Is.Empty);
        }
    }
}
