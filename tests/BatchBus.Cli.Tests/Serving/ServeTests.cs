using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using BatchBus.TestServers;

namespace BatchBus.Cli.Tests.Serving;

public sealed class ServeTests
{
    private CommandLine _cli = null!;

    [SetUp]
    public void SetUp() => _cli = new CommandLine();

    [TearDown]
    public void TearDown() => _cli.Dispose();

    [TestCase("ConnectionStrings:RabbitMq is not", "--ConnectionStrings:Redis", "localhost")]
    [TestCase("BatchBus:Models:mistral-7b:Prefetch is -1", "--BatchBus:Models:mistral-7b:Prefetch=-1")]
    [TestCase("'abc' at 'BatchBus:Models:mistral-7b:Prefetch'", "--BatchBus:Models:mistral-7b:Prefetch=abc")]
    [TestCase("No API key is configured", "--urls", "http://0.0.0.0:0")]
    [TestCase("nonsense", "--urls", "nonsense")]
    public async Task Settings_that_do_not_fit_are_explained_in_a_sentence(string message, params string[] args)
    {
        var run = await _cli.RunAsync(["serve", .. args]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.ExitCode, Is.EqualTo(1));
            Assert.That(run.Errors, Does.Contain("BatchBus cannot start: ").And.Contain(message).And.Not.Contain("   at "));
        }
    }

    [Test]
    public async Task A_port_in_use_is_explained()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}");

        var run = await _cli.RunAsync("serve", "--urls", url);

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Errors, Does.Contain("address already in use").And.Contain("--urls http://127.0.0.1:").And.Not.Contain("   at "));
        Assert.That(run.Errors, Does.Not.Contain("WRN"), "what had started stops in order");
    }

    [Test]
    public async Task An_address_of_another_machine_is_explained()
    {
        var run = await _cli.RunAsync(
            "serve", "--urls", "http://192.0.2.1:8080", "--BatchBus:ApiKeys:0:Workspace", "sales", "--BatchBus:ApiKeys:0:Hash", new string('a', 64));

        Assert.That(run.ExitCode, Is.EqualTo(1));
        Assert.That(run.Errors, Does.Contain("BatchBus cannot listen: ").And.Contain("--urls").And.Not.Contain("   at "));
    }

    [Test]
    public async Task A_store_that_is_full_refuses_batches_and_keeps_those_it_has()
    {
        _cli.Environment["BatchBus__MaxMemoryMb"] = "400";

        // What a worker has in its hands takes memory as well.
        _cli.Environment["BatchBus__Models__mistral-7b__Prefetch"] = "1";
        using var serving = _cli.Start("serve", "--urls", "http://127.0.0.1:0");
        using var http = new HttpClient { BaseAddress = new Uri(await UrlAsync(serving)) };
        http.DefaultRequestHeaders.Add("anthropic-version", "2023-06-01");
        var taken = new List<string?>();
        JsonElement? refusal = null;
        for (var batch = 0; batch < 60 && refusal is null; batch++)
        {
            using var response = await http.PostAsync("/v1/messages/batches", new StringContent(LargeBatch(batch), Encoding.UTF8, "application/json"));
            var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
            if (response.IsSuccessStatusCode)
            {
                taken.Add(answer.GetProperty("id").GetString());
            }
            else
            {
                refusal = answer.GetProperty("error");
            }
        }

        Assert.That(refusal?.GetProperty("type").GetString(), Is.EqualTo("overloaded_error"));
        Assert.That(refusal?.GetProperty("message").GetString(), Does.Contain("The embedded store is full").And.Contain("ConnectionStrings__Redis"));
        Assert.That(taken, Has.Count.GreaterThan(4));
        foreach (var id in taken)
        {
            using var response = await http.GetAsync($"/v1/messages/batches/{id}");
            Assert.That(response.IsSuccessStatusCode, $"{id} is there");
        }
    }

    [Test]
    public async Task Says_how_it_is_and_stops_when_asked_to()
    {
        using var serving = _cli.Start("serve", "--urls", "http://127.0.0.1:0");
        var url = await UrlAsync(serving);
        var healthy = await _cli.RunAsync("health", "--url", url);

        serving.Interrupt();
        var ended = await serving.EndAsync();

        var gone = await _cli.RunAsync("health", "--url", url);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ended.ExitCode, Is.Zero, ended.Errors);
            Assert.That(ended.Errors, Does.Contain("BatchBus stops"));
            Assert.That(healthy.ExitCode, Is.Zero, healthy.Errors);
            Assert.That(healthy.Output, Does.Contain("\"status\":\"ready\""));
            Assert.That(gone.ExitCode, Is.EqualTo(1));
            Assert.That(gone.Errors, Does.Contain($"Nothing answers at {url}"));
        }
    }

    private static async Task<string> UrlAsync(CommandLine.Running serving)
    {
        await Eventually.ThatAsync(() => serving.Errors.Contains("BatchBus listens on", StringComparison.Ordinal), "the server listens");
        return serving.Errors.Split(' ').First(word => word.StartsWith("http://127.0.0.1:", StringComparison.Ordinal));
    }

    /// <summary>15 MB that do not compress to much less.</summary>
    private static string LargeBatch(int seed)
    {
        var random = new Random(seed);
        var noise = new byte[750_000];
        return JsonSerializer.Serialize(new
        {
            requests = Enumerable.Range(0, 15).Select(i =>
            {
                random.NextBytes(noise);
                return new
                {
                    custom_id = $"request-{i}",
                    @params = new { model = "mistral-7b", max_tokens = 5, messages = new[] { new { role = "user", content = Convert.ToBase64String(noise) } } },
                };
            }),
        });
    }
}
