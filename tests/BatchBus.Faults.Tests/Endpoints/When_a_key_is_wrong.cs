using System.Net.Http.Json;
using System.Text.Json;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Endpoints;

public sealed class When_a_key_is_wrong : EndpointFixture
{
    private static readonly TimeSpan Return = TimeSpan.FromSeconds(10);

    [Test]
    public async Task Requests_wait_with_an_alarm_and_succeed_once_it_is_accepted([Values("locked-chat", "locked-jobs")] string name)
    {
        var endpoint = Model.Endpoint(name);
        endpoint.Outage = SimulatedOutage.Answer(401);
        Model.Endpoint("open").Latency = SimulatedLatency.Fixed(TimeSpan.FromMilliseconds(50));
        var locked = await SubmitAsync(150, name);
        var other = await SubmitAsync(300, "open");

        var part = await Eventually.ReadAsync(PartAsync, part => part.GetRawText().Contains(name, StringComparison.Ordinal), $"the api's health names {name}");
        await other.EndsExactAsync(Soon, Waste);
        Assert.That(part.GetProperty("status").GetString(), Is.EqualTo("alarm"));
        Assert.That(part.GetProperty("remedy").GetString(), Does.Contain($"BatchBus__Models__{name}__ApiKey"));
        Assert.That(await MetricsAsync(), Has.Some.Match($$"""batchbus_endpoint_stopped\{.*endpoint="{{name}}".*\} 1( |$)""").And.Some.Match("""batchbus_endpoint_stopped\{.*endpoint="open".*\} 0( |$)"""));
        Assert.That(locked.Status, Is.EqualTo("in_progress"));
        Assert.That(CallsTo(name), Is.LessThanOrEqualTo(Slots + 3), "nobody insists");
        endpoint.Outage = null;
        var at = Model.Log.Now;

        await locked.EndsExactAsync(Soon, Waste);
        var first = LogOf(name)[0].Start - at;
        TestContext.Out.WriteLine($"{name}: the first request {first.TotalSeconds:0.0} s after the key is accepted");
        Assert.That(first, Is.LessThan(Return));
        await Eventually.ThatAsync(async () => !(await PartAsync()).GetRawText().Contains(name, StringComparison.Ordinal), "the alarm is over");
    }

    private async Task<string[]> MetricsAsync()
    {
        using var http = new HttpClient { BaseAddress = new Uri(Deployment.Workers[0].Url) };
        return (await http.GetStringAsync("/metrics")).Split('\n');
    }

    private async Task<JsonElement> PartAsync()
    {
        using var http = new HttpClient { BaseAddress = new Uri(Deployment.Api.Url) };
        return (await http.GetFromJsonAsync<JsonElement>("/health/ready")).GetProperty("parts").GetProperty("endpoints");
    }
}
