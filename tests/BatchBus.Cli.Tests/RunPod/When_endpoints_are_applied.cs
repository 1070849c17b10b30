using System.Text.Json.Nodes;

namespace BatchBus.Cli.Tests.RunPod;

public sealed class When_endpoints_are_applied
{
    private Account _account = null!;

    [SetUp]
    public async Task SetUp() => _account = await Account.OpenAsync();

    [TearDown]
    public async Task TearDown() => await _account.DisposeAsync();

    [Test]
    public async Task Creates_what_is_missing_with_the_variables_filled_in()
    {
        _account.Define(Account.Definition("llama-70b"));
        _account.Define(Account.Definition());

        var run = await _account.RunAsync("apply");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.Zero, run.Errors);
            Assert.That(_account.RunPod.Requests[0], Is.EqualTo(new FakeRunPod.Request("GET", "/v2/serverless", null)));
            Assert.That(_account.RunPod.Changes.Select(change => (change.Method, change.Path)), Is.All.EqualTo(("POST", "/v2/serverless")));
            Assert.That(_account.RunPod.Changes.Select(change => change.Body!.ToJsonString()), Is.EqualTo(new[]
            {
                Account.Filled(Account.Definition("llama-70b")).ToJsonString(), Account.Filled(Account.Definition()).ToJsonString(),
            }));
            Assert.That(run.Output, Does.Contain("llama-70b (ep1abc): created.").And.Contain("mistral-7b (ep2abc): created."));
        }
    }

    [Test]
    public async Task Changes_nothing_that_agrees()
    {
        _account.Define(Account.Definition());
        var listed = Account.Filled(Account.Definition());
        listed["env"]!["SET_BY_SOMEBODY_ELSE"] = "x";
        listed["disk"] = 77;
        _account.RunPod.Have(listed);

        var run = await _account.RunAsync("apply");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.Zero, run.Errors);
            Assert.That(run.Output, Does.Contain("mistral-7b (ep1abc): nothing to do."));
            Assert.That(_account.RunPod.Changes, Is.Empty);
        }
    }

    [Test]
    public async Task Sends_exactly_what_differs()
    {
        var wanted = Account.Definition();
        wanted["workers"]!["max"] = 2;
        wanted["scaling"]!["requestCount"] = 48;
        wanted["disk"] = 60;
        _account.Define(wanted);
        _account.RunPod.Have(Account.Filled(Account.Definition()));

        var run = await _account.RunAsync("apply");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.Zero, run.Errors);
            var change = _account.RunPod.Changes.Single();
            Assert.That((change.Method, change.Path), Is.EqualTo(("PATCH", "/v2/serverless/ep1abc")));
            AssertSame(change.Body, """{"workers":{"max":2},"scaling":{"type":"REQUEST_COUNT","requestCount":48},"disk":60}""");
            Assert.That(run.Output, Does.Contain("workers.max: 3 -> 2").And.Contain("disk: (not set) -> 60"));
        }
    }

    [Test]
    public async Task Keeps_variables_that_the_file_does_not_set_and_never_shows_them()
    {
        _account.Define(Account.Definition());
        var listed = Account.Filled(Account.Definition());
        listed["env"]!["MAX_NUM_SEQS"] = "32";
        listed["env"]!["HF_TOKEN"] = "hf_the_one_before";
        listed["env"]!["SET_BY_SOMEBODY_ELSE"] = "another-secret";
        _account.RunPod.Have(listed);

        var preview = await _account.RunAsync("apply", "--dry-run");
        var run = await _account.RunAsync("apply");

        using (Assert.EnterMultipleScope())
        {
            AssertSame(
                _account.RunPod.Changes.Single().Body,
                $$$"""{"env":{"MODEL_NAME":"some/model","MAX_NUM_SEQS":"64","HF_TOKEN":"{{{Account.HfToken}}}","OPENAI_SERVED_MODEL_NAME_OVERRIDE":"mistral-7b","SET_BY_SOMEBODY_ELSE":"another-secret"}}""");
            Assert.That(run.Output, Does.Contain("env.MAX_NUM_SEQS: \"32\" -> \"64\"").And.Contain("env.HF_TOKEN: (another value) -> \"${HF_TOKEN}\""));
            Assert.That(preview.Output, Does.Contain("\"HF_TOKEN\": \"${HF_TOKEN}\"").And.Contain("\"SET_BY_SOMEBODY_ELSE\": \"(as it is)\""));
            Assert.That(preview.Output + run.Output, Does.Not.Contain("another-secret").And.Not.Contain("hf_the_one_before"));
        }
    }

    [Test]
    public async Task Knows_an_endpoint_whose_name_carries_the_old_mark_of_FlashBoot()
    {
        _account.Define(Account.Definition());
        var listed = Account.Filled(Account.Definition());
        listed["name"] = "mistral-7b -fb";
        _account.RunPod.Have(listed);

        var run = await _account.RunAsync("apply");

        Assert.That(_account.RunPod.Changes, Is.Empty, run.Output);
    }

    [Test]
    public async Task Refuses_to_guess_between_two_endpoints_of_one_name()
    {
        _account.Define(Account.Definition());
        _account.RunPod.Have(Account.Filled(Account.Definition()));
        _account.RunPod.Have(Account.Filled(Account.Definition()));

        var run = await _account.RunAsync("apply");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(1));
            Assert.That(run.Errors, Does.Contain("2 endpoints named mistral-7b (ep1abc, ep2abc)"));
            Assert.That(_account.RunPod.Changes, Is.Empty);
        }
    }

    [Test]
    public async Task Says_that_the_type_of_an_endpoint_cannot_be_changed()
    {
        _account.Define(Account.Definition());
        var listed = Account.Filled(Account.Definition());
        listed["type"] = "LOAD_BALANCER";
        _account.RunPod.Have(listed);

        var run = await _account.RunAsync("apply");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(1));
            Assert.That(run.Errors, Does.Contain("mistral-7b (ep1abc) is of type \"LOAD_BALANCER\" and the file says \"QUEUE\""));
            Assert.That(_account.RunPod.Changes, Is.Empty);
        }
    }

    [Test]
    public async Task Takes_files_by_name_in_place_of_the_folder()
    {
        _account.Define(Account.Definition());
        var file = _account.Write("other.json", Account.Definition("other"));

        await _account.RunAsync("apply", file);

        Assert.That(_account.RunPod.Endpoints.Select(endpoint => endpoint["name"]!.GetValue<string>()), Is.EqualTo(new[] { "other" }));
    }

    private static void AssertSame(JsonObject? actual, string expected)
        => Assert.That(JsonNode.DeepEquals(actual, JsonNode.Parse(expected)), Is.True, actual?.ToJsonString() ?? "no body");
}
