namespace BatchBus.Cli.Tests.RunPod;

public sealed class When_an_apply_fails
{
    private Account _account = null!;

    [SetUp]
    public async Task SetUp()
    {
        _account = await Account.OpenAsync();
        _account.Define(Account.Definition());
    }

    [TearDown]
    public async Task TearDown() => await _account.DisposeAsync();

    [TestCase("")]
    [TestCase(null)]
    public async Task An_unset_variable_is_named_before_anything_is_sent(string? token)
    {
        _account.Environment["HF_TOKEN"] = token;

        var run = await _account.RunAsync("apply");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(1));
            Assert.That(run.Errors, Does.Contain("env.HF_TOKEN asks for the environment variable HF_TOKEN, which is not set"));
            Assert.That(_account.RunPod.Requests, Is.Empty);
        }
    }

    [Test]
    public async Task A_missing_key_is_asked_for()
    {
        _account.Environment["RUNPOD_API_KEY"] = null;

        var run = await _account.RunAsync("apply");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Errors, Does.Contain("RUNPOD_API_KEY is not set"));
    }

    [TestCase("rpa_of_somebody_else")]
    [TestCase("rpa_with a blank")]
    public async Task A_wrong_key_is_named_by_its_variable_only(string key)
    {
        _account.Environment["RUNPOD_API_KEY"] = key;

        var run = await _account.RunAsync("apply");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(1));
            Assert.That(run.Errors, Does.Contain("RUNPOD_API_KEY").And.Not.Contain(key));
            Assert.That(_account.RunPod.Changes, Is.Empty);
        }
    }

    [Test]
    public async Task The_key_does_not_travel_in_the_clear()
    {
        _account.Environment["RUNPOD_API_URL"] = "http://api.example.com";

        var run = await _account.RunAsync("apply");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Errors, Does.Contain("RUNPOD_API_URL is no https address"));
    }

    [Test]
    public async Task A_field_that_RunPod_does_not_know_is_named_and_no_secret_comes_back_with_it()
    {
        var definition = Account.Definition("wrong");
        definition["gpuTypeIds"] = "NVIDIA GeForce RTX 4090";

        var run = await _account.RunAsync("apply", _account.Write("wrong.json", definition));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(1));
            Assert.That(run.Errors, Does.Contain("RunPod refused to create wrong").And.Contain("gpuTypeIds is unknown").And.Contain("${HF_TOKEN}"));
            Assert.That(_account.RunPod.Endpoints, Is.Empty);
        }
    }

    [TestCase(403, "may not create mistral-7b")]
    [TestCase(404, "found nothing to create mistral-7b")]
    [TestCase(405, "version 2")]
    [TestCase(400, "refused to create mistral-7b (400): Bad Request; the pool does not exist")]
    public async Task A_refusal_is_explained_and_not_repeated(int status, string message)
    {
        _account.RunPod.Disturb(new("POST", status, $$"""{"title":"Bad Request","status":{{status}},"detail":"the pool does not exist"}"""));

        var run = await _account.RunAsync("apply");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(1));
            Assert.That(run.Errors, Does.Contain(message).And.Contain("the pool does not exist"));
            Assert.That(_account.RunPod.Changes, Has.Count.EqualTo(1));
        }
    }

    [TestCase("GET")]
    [TestCase("POST")]
    public async Task Too_many_requests_are_repeated_after_the_wait_that_is_asked_for(string method)
    {
        _account.RunPod.Disturb(new(method, 429, RetryAfter: 1), times: 2);

        var run = await _account.RunAsync("apply");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.Zero, run.Errors);
            Assert.That(run.Errors, Does.Contain("RunPod answers 429; trying again in 1 s."));
            Assert.That(_account.RunPod.Requests.Count(request => request.Method == method), Is.EqualTo(3));
            Assert.That(_account.RunPod.Endpoints, Has.Count.EqualTo(1));
        }
    }

    [Test]
    public async Task A_wait_that_is_too_long_is_left_to_the_operator()
    {
        _account.RunPod.Disturb(new("GET", 429, RetryAfter: 3000));

        var run = await _account.RunAsync("apply");

        Assert.That((run.ExitCode, _account.RunPod.Requests.Count), Is.EqualTo((1, 1)));
        Assert.That(run.Errors, Does.Contain("Try again in 3000 s"));
    }

    [TestCase("[]")]
    [TestCase("<html>")]
    [TestCase("{\"endpoints\":{}}")]
    public async Task A_reply_that_is_no_list_is_a_sentence(string reply)
    {
        _account.RunPod.Disturb(new("GET", 200, reply));

        var run = await _account.RunAsync("apply");

        Assert.That((run.ExitCode, _account.RunPod.Requests.Count), Is.EqualTo((1, 1)));
        Assert.That(run.Errors, Does.StartWith("RunPod's "));
    }

    [Test]
    public async Task A_create_that_fails_and_yet_happened_makes_no_second_endpoint()
    {
        _account.RunPod.Disturb(new("POST", 500, "<html>oops</html>", IsDoneAllTheSame: true));

        var run = await _account.RunAsync("apply");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.Zero, run.Errors);
            Assert.That(_account.RunPod.Endpoints, Has.Count.EqualTo(1));
            Assert.That(_account.RunPod.Changes, Has.Count.EqualTo(1));
            Assert.That(run.Output, Does.Contain("mistral-7b (ep1abc): created, although RunPod answered with an error."));
        }
    }

    [Test]
    public async Task A_create_that_failed_is_made_again()
    {
        _account.RunPod.Disturb(new("POST", 502));

        var run = await _account.RunAsync("apply");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.Zero, run.Errors);
            Assert.That(_account.RunPod.Requests.Select(request => request.Method), Is.EqualTo(new[] { "GET", "POST", "GET", "POST" }));
            Assert.That(_account.RunPod.Endpoints, Has.Count.EqualTo(1));
        }
    }

    [Test]
    public async Task A_server_that_cannot_be_reached_is_a_sentence()
    {
        _account.Environment["RUNPOD_API_URL"] = "http://127.0.0.1:1";

        var run = await _account.RunAsync("apply");

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Errors, Does.Contain("RunPod could not be reached to list the endpoints"));
    }

    [TestCase("{", "no valid JSON")]
    [TestCase("[]", "no JSON object")]
    [TestCase("""{"type":"QUEUE"}""", "\"name\" is missing")]
    [TestCase("""{"name":"a","env":{"MAX_NUM_SEQS":64}}""", "env.MAX_NUM_SEQS is no string")]
    public async Task A_file_that_cannot_be_used_is_explained(string text, string message)
    {
        var file = Path.Combine(Path.GetDirectoryName(_account.Write("bad.json", []))!, "bad.json");
        await File.WriteAllTextAsync(file, text);

        var run = await _account.RunAsync("apply", file);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(1));
            Assert.That(run.Errors, Does.Contain("bad.json").And.Contain(message));
            Assert.That(_account.RunPod.Requests, Is.Empty);
        }
    }

    [Test]
    public async Task A_missing_file_and_a_name_that_is_there_twice_are_explained()
    {
        var missing = await _account.RunAsync("apply", "missing.json");
        var twice = await _account.RunAsync("apply", _account.Write("a.json", Account.Definition()), _account.Write("b.json", Account.Definition()));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((missing.ExitCode, twice.ExitCode), Is.EqualTo((1, 1)));
            Assert.That(missing.Errors, Does.Contain("missing.json cannot be read"));
            Assert.That(twice.Errors, Does.Contain("the name mistral-7b is there twice"));
        }
    }
}
