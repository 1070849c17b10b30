namespace BatchBus.Cli.Tests.RunPod;

public sealed class When_the_status_is_asked_for
{
    private Account _account = null!;

    [SetUp]
    public async Task SetUp() => _account = await Account.OpenAsync();

    [TearDown]
    public async Task TearDown() => await _account.DisposeAsync();

    [Test]
    public async Task Shows_workers_jobs_and_the_settings_to_paste()
    {
        _account.RunPod.Have(Account.Filled(Account.Definition()));

        var run = await _account.RunAsync("status");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.Zero, run.Errors);
            Assert.That(run.Output, Does.Match(@"mistral-7b\s+ep1abc\s+1 running, 2 initializing\s+1,204\s+61\s"));
            Assert.That(run.Output, Does.Contain("\nBatchBus__Models__mistral-7b__EndpointId=ep1abc\n"));
        }
    }

    [Test]
    public async Task Warns_of_an_endpoint_that_may_have_no_workers()
    {
        var parked = Account.Filled(Account.Definition());
        parked["workers"]!["max"] = 0;
        _account.RunPod.Have(parked);
        _account.RunPod.Have(Account.Filled(Account.Definition("other")));

        var run = await _account.RunAsync("status", "mistral-7b");

        Assert.That(run.Output, Does.Contain("mistral-7b may have no workers").And.Not.Contain("other"));
    }

    [Test]
    public async Task An_account_without_endpoints_is_no_failure()
    {
        var run = await _account.RunAsync("status");

        Assert.That(run.ExitCode, Is.Zero, run.Errors);
        Assert.That(run.Output, Does.Contain("no endpoints"));
    }

    [TestCase("../v1/pods")]
    [TestCase("a b")]
    public async Task An_id_that_could_lead_elsewhere_is_not_put_into_a_path(string id)
    {
        var reply = $$"""{"endpoints":[{"id":"{{id}}","name":"mistral-7b"}]}""";
        _account.RunPod.Disturb(new("GET", 200, reply));

        var run = await _account.RunAsync("status");

        Assert.That((run.ExitCode, _account.RunPod.Requests.Count), Is.EqualTo((1, 1)));
        Assert.That(run.Errors, Does.Contain("usable id"));
    }
}
