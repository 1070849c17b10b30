using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using BatchBus.Benchmarks.Work;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Benchmarks.Processes;

/// <summary>The model of every measurement, and the witness of what was executed.</summary>
internal sealed class SimulatorProcess : IAsyncDisposable
{
    public const string Command = "simulate";

    private readonly ChildProcess _process;
    private readonly HttpClient _http;

    private SimulatorProcess(ChildProcess process, string url)
    {
        _process = process;
        Url = url;
        _http = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromMinutes(2) };
    }

    public string Url { get; }

    public static async Task<SimulatorProcess> StartAsync()
    {
        var url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{LoopbackPort.FindFree()}");
        var simulator = new SimulatorProcess(await HiddenCommand.StartAsync(Command, url), url);
        await Eventually.ThatAsync(simulator.AnswersAsync, $"the simulator answers. Output:\n{simulator._process.Output}");
        return simulator;
    }

    /// <summary>What the child process does: serves until it is ended.</summary>
    public static async Task ServeAsync(string url)
    {
        await using var server = await SimulatorServer.StartAsync(new SimulatorOptions { Url = url });
        await Task.Delay(Timeout.Infinite);
    }

    public Task SetLatencyAsync(TimeSpan latency) => SetLatencyAsync(SimulatedLatency.Fixed(latency));

    /// <summary>Changes how long calls take from now on.</summary>
    public async Task SetLatencyAsync(SimulatedLatency latency)
        => (await _http.PutAsync("/simulator/latency", new StringContent(latency.ToString(), Encoding.UTF8))).EnsureSuccessStatusCode();

    /// <summary>Changes how one endpoint behaves, by the members that the JSON names.</summary>
    public async Task SetEndpointAsync(string id, string json)
        => (await _http.PutAsync($"/simulator/endpoints/{id}", new StringContent(json, Encoding.UTF8))).EnsureSuccessStatusCode();

    /// <summary>Makes an endpoint healthy, and as fast as the server.</summary>
    public async Task ResetEndpointAsync(string id) => (await _http.DeleteAsync($"/simulator/endpoints/{id}")).EnsureSuccessStatusCode();

    /// <summary>Forgets all calls so far.</summary>
    public async Task ClearLogAsync() => (await _http.DeleteAsync("/simulator/log")).EnsureSuccessStatusCode();

    /// <summary>Holds the calls since the log was cleared against what should have been executed.</summary>
    /// <param name="count">Number of different requests, each of which is to be executed once.</param>
    public async Task<Correctness> CheckExecutionsAsync(int count)
    {
        var counts = await _http.GetFromJsonAsync<JsonElement>("/simulator/counts");
        var distinct = counts.GetProperty("distinct_keys").GetInt32();
        return new Correctness(Math.Max(0, count - distinct), counts.GetProperty("total").GetInt32() - distinct, Math.Max(0, distinct - count));
    }

    /// <summary>When each call since the log was cleared began and ended, on the simulator's clock; not a number for the end of one that is open.</summary>
    public async Task<IReadOnlyList<(double StartMs, double EndMs)>> CallsAsync()
    {
        var calls = new List<(double, double)>();
        using var reader = new StreamReader(await _http.GetStreamAsync("/simulator/log"));
        while (await reader.ReadLineAsync() is { } line)
        {
            using var call = JsonDocument.Parse(line);
            calls.Add((call.RootElement.GetProperty("start_ms").GetDouble(), call.RootElement.GetProperty("end_ms") is { ValueKind: JsonValueKind.Number } end ? end.GetDouble() : double.NaN));
        }

        return calls;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            return (await _http.GetAsync("/v1/models")).IsSuccessStatusCode;
        }
        catch (HttpRequestException) when (!_process.HasExited)
        {
            return false;
        }
    }
}
