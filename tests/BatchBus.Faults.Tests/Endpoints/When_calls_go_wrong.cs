using System.Text.Json;
using BatchBus.Faults.Tests.Checks;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Endpoints;

/// <summary>Every way in which a call is known to fail, some of them a few times, in one batch.</summary>
public sealed class When_calls_go_wrong : EndpointFixture
{
    private const int Requests = 1_500;

    /// <summary>A request is spoiled so often; the next call for it succeeds.</summary>
    private const int Times = 2;

    /// <summary>Requests that fail however often they are tried, by their index, and how they end. They come first, so that others succeed meanwhile.</summary>
    private static readonly IReadOnlyDictionary<int, (SimulatedFault Fault, string ErrorType)> Lost = new Dictionary<int, (SimulatedFault, string)>
    {
        [0] = (new SimulatedFault(SimulatedFaultKind.VllmError) { Status = 400 }, "invalid_request_error"),
        [1] = (new SimulatedFault(SimulatedFaultKind.EmptyChoices), "api_error"),
        [2] = (new SimulatedFault(SimulatedFaultKind.InvalidToolArguments), "api_error"),
        [3] = (new SimulatedFault(SimulatedFaultKind.Traceback), "api_error"),
        [4] = (new SimulatedFault(SimulatedFaultKind.TimedOut), "timeout_error"),
    };

    [Test]
    public async Task Every_request_has_its_one_result_and_no_log_its_words()
    {
        var batches = await Task.WhenAll(SpoiledAsync("faulty-chat"), SpoiledAsync("faulty-jobs"));
        foreach (var (name, batch, spoiled) in batches)
        {
            await batch.EndsAsync(2 * Soon);
            Waste.NoteRequests(spoiled);
            await batch.EndsExactAsync(Soon, Waste, "succeeded", "errored");
            var errored = (await batch.ResultsAsync())
                .Where(line => line.Value.GetProperty("type").GetString() == "errored")
                .ToDictionary(line => line.Key, line => line.Value.GetProperty("error").GetProperty("error").GetProperty("type").GetString());
            TestContext.Out.WriteLine($"{name}: {Model.Endpoint(name).Count().Faults} faults, {LogOf(name).Count} executions for {Requests} requests");
            Assert.That(errored, Is.EquivalentTo(Lost.ToDictionary(lost => Workload.CustomId(lost.Key), lost => lost.Value.ErrorType)), name);
        }

        await AssertNothingToldAsync([.. batches.Select(each => each.Batch)]);
    }

    private async Task<(string Endpoint, ObservedBatch Batch, IReadOnlySet<ulong> Spoiled)> SpoiledAsync(string name)
    {
        var endpoint = Model.Endpoint(name);
        endpoint.Latency = SimulatedLatency.LogNormal(TimeSpan.FromMilliseconds(150), 0.3);
        var workload = new Workload(Requests, model: name);
        foreach (var (i, (fault, _)) in Lost)
        {
            endpoint.Inject(fault with { Marker = workload.Prompt(i), Message = $"about: {workload.Prompt(i)}" });
        }

        // Two requests of each kind, spread over the batch.
        var kinds = Enum.GetValues<SimulatedFaultKind>();
        var spoiled = Lost.Keys.Select(i => workload.Keys[i]).ToHashSet();
        for (var i = 0; i < 2 * kinds.Length; i++)
        {
            var index = Lost.Count + (i * (Requests - Lost.Count) / (2 * kinds.Length));
            spoiled.Add(workload.Keys[index]);
            endpoint.Inject(new SimulatedFault(kinds[i % kinds.Length]) { Marker = workload.Prompt(index), Times = Times, Message = $"about: {workload.Prompt(index)}" });
        }

        foreach (var kind in kinds.Where(kind => kind <= SimulatedFaultKind.TruncatedJson))
        {
            endpoint.Inject(new SimulatedFault(kind) { On = SimulatedOperation.Status, Times = 1, Probability = 0.01 });
        }

        return (name, await SubmitAsync(workload), spoiled);
    }

    /// <summary>No prompt, completion or key in anything that a process says, at the level Debug and with every span exported.</summary>
    private async Task AssertNothingToldAsync(IReadOnlyList<ObservedBatch> batches)
    {
        var answer = (await batches[0].ResultsAsync()).Values.First(result => result.GetProperty("type").GetString() == "succeeded")
            .GetProperty("message").GetProperty("content")[0].GetProperty("text").GetString()!;
        string[] secrets = [.. batches.Select(batch => batch.Workload.Name), EndpointDeployment.ApiKey, "research lead", answer[..16], answer[^24..]];
        using var http = new HttpClient();
        foreach (var process in Deployment.Processes.Where(process => process.IsRunning))
        {
            var said = new List<string> { process.Output };
            foreach (var path in new[] { "/metrics", "/health/ready", "/health/live" })
            {
                using var response = await http.GetAsync(new Uri(new Uri(process.Url), path));
                said.Add(await response.Content.ReadAsStringAsync());
            }

            Assert.That(said[0], Is.Not.Empty, process.Name);
            foreach (var secret in secrets)
            {
                var lines = said.SelectMany(text => text.Split('\n')).Where(line => line.Contains(secret, StringComparison.Ordinal));
                Assert.That(lines, Is.Empty, $"{process.Name} tells '{secret}'");
            }
        }

        Assert.That(Deployment.Workers.Select(worker => worker.Output), Has.Some.Contains(" DBG "), "the level is Debug");
        await Eventually.ThatAsync(() => batches.All(batch => EndpointDeployment.Traces.Tells(batch.Id)), "both batches are traced");
        Assert.That(secrets.Where(EndpointDeployment.Traces.Tells), Is.Empty, "the traces tell it");
        Assert.That(
            new[] { "UnusableReply", "ConnectionLost", "InvalidAnswer", "JobFailed", "Timeout", "ServerError" }.Where(error => !EndpointDeployment.Traces.Tells(error)), Is.Empty, "the failures are traced");
    }
}
