using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using BatchBus.TestServers;

namespace BatchBus.Cli.Tests.Simulating;

public sealed partial class SimulateTests
{
    [Test]
    public async Task Answers_at_the_address_that_it_prints_with_the_key()
    {
        using var cli = new CommandLine();
        using var simulator = cli.Start("simulate", "--urls", "http://127.0.0.1:0", "--latency", "1ms", "--api-key", "secret");
        var address = await Eventually.ReadAsync(() => Task.FromResult(Address.Match(simulator.Output).Value), value => value.Length > 0, "the address is printed");
        using var http = new HttpClient();

        var body = new { model = "mistral-7b", messages = new[] { new { role = "user", content = "Hello" } } };
        Assert.That((await http.PostAsJsonAsync($"{address}/chat/completions", body)).StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        http.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
        var answer = await (await http.PostAsJsonAsync($"{address}/chat/completions", body)).Content.ReadFromJsonAsync<JsonElement>();
        Assert.That(answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString(), Does.Contain("imulated"));

        simulator.Interrupt();
        var ended = await simulator.EndAsync();
        Assert.That(ended.ExitCode, Is.Zero, ended.Errors);
    }

    [GeneratedRegex("http://127.0.0.1:[1-9][0-9]*/v1")]
    private static partial Regex Address { get; }
}
