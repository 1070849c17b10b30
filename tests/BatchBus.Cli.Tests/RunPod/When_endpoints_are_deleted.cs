namespace BatchBus.Cli.Tests.RunPod;

public sealed class When_endpoints_are_deleted
{
    private Account _account = null!;

    [SetUp]
    public async Task SetUp()
    {
        _account = await Account.OpenAsync();
        _account.RunPod.Have(Account.Filled(Account.Definition()));
        _account.RunPod.Have(Account.Filled(Account.Definition("llama-70b")));
    }

    [TearDown]
    public async Task TearDown() => await _account.DisposeAsync();

    [Test]
    public async Task Deletes_the_named_ones_without_asking_when_told_so()
    {
        var run = await _account.RunAsync("delete", "llama-70b", "--yes");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.Zero, run.Errors);
            Assert.That(run.Output, Does.Contain("llama-70b (ep2abc): deleted."));
            Assert.That(_account.RunPod.Endpoints.Select(endpoint => endpoint["name"]!.GetValue<string>()), Is.EqualTo(new[] { "mistral-7b" }));
        }
    }

    [Test]
    public async Task Refuses_where_there_is_nobody_to_ask()
    {
        var run = await _account.RunAsync("delete", "llama-70b");

        Assert.That((run.ExitCode, _account.RunPod.Requests.Count), Is.EqualTo((1, 0)));
        Assert.That(run.Errors, Does.Contain("--yes"));
    }

    [Test]
    public async Task Deletes_nothing_when_one_of_the_names_is_unknown()
    {
        var run = await _account.RunAsync("delete", "llama-70b", "mistral", "--yes");

        Assert.That((run.ExitCode, _account.RunPod.Changes.Count), Is.EqualTo((1, 0)));
        Assert.That(run.Errors, Does.Contain("no endpoint named mistral; the account has mistral-7b, llama-70b"));
    }
}
