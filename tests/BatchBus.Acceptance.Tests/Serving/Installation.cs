using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Acceptance.Tests.Serving;

/// <summary>
/// BatchBus as users run it, <c>batchbus serve</c> as a process of its own, with the servers of its mode and a simulated model endpoint
/// that outlives it and so can bear witness.
/// </summary>
public sealed class Installation : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("batchbus-test-").FullName;
    private readonly Dictionary<string, string> _environment = [];
    private RedisServer? _redis;
    private ChildProcess? _process;

    private Installation(Mode mode, SimulatorServer simulator)
    {
        Mode = mode;
        Simulator = simulator;
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        Url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}");
        Http = new HttpClient { BaseAddress = new Uri(Url), Timeout = TimeSpan.FromMinutes(2) };
    }

    public Mode Mode { get; }

    public string Url { get; }

    public HttpClient Http { get; }

    public SimulatorServer Simulator { get; }

    public string VirtualHost { get; } = $"test-{Guid.NewGuid():N}";

    public RedisServer Redis => _redis ?? throw new InvalidOperationException("There is no Redis server in the embedded mode.");

    /// <summary>What the process has written so far.</summary>
    public string Output => _process?.Output ?? "";

    /// <summary>Prepares everything and starts the process.</summary>
    /// <param name="mode">The servers.</param>
    /// <param name="latency">How long the model takes.</param>
    /// <param name="protocol">How the model is spoken to.</param>
    /// <param name="settings">Further settings, as environment variables.</param>
    public static async Task<Installation> StartAsync(
        Mode mode, SimulatedLatency latency, string protocol = "OpenAi", IReadOnlyDictionary<string, string>? settings = null)
    {
        var installation = await PrepareAsync(mode, latency, protocol, settings);
        try
        {
            await installation.StartProcessAsync();
            return installation;
        }
        catch
        {
            await installation.DisposeAsync();
            throw;
        }
    }

    /// <summary>Prepares everything; the process is not started.</summary>
    /// <param name="mode">The servers.</param>
    /// <param name="latency">How long the model takes.</param>
    /// <param name="protocol">How the model is spoken to.</param>
    /// <param name="settings">Further settings, as environment variables.</param>
    public static async Task<Installation> PrepareAsync(
        Mode mode, SimulatedLatency latency, string protocol = "OpenAi", IReadOnlyDictionary<string, string>? settings = null)
    {
        var simulator = await SimulatorServer.StartAsync(new SimulatorOptions { ApiKey = "model-key", Latency = latency });
        var installation = new Installation(mode, simulator);
        await installation.ConfigureAsync(protocol, settings ?? new Dictionary<string, string>());
        return installation;
    }

    /// <summary>Starts the process and waits until it says that it is ready.</summary>
    public async Task StartProcessAsync()
    {
        await LaunchAsync();
        await Eventually.ThatAsync(IsReadyAsync, "BatchBus is ready", TimeSpan.FromSeconds(60));
    }

    /// <summary>Starts the process and waits for nothing.</summary>
    public async Task LaunchAsync()
        => _process = await ChildProcess.StartAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "batchbus.dll"), "serve", "--urls", Url], _environment);

    /// <summary>Ends the process as a crash would (SIGKILL).</summary>
    public void Kill() => _process!.Kill();

    /// <summary>Asks the process to stop (SIGTERM) and waits until it has.</summary>
    public Task StopProcessAsync() => _process!.StopAsync();

    public async Task<bool> IsReadyAsync()
    {
        if (_process!.HasExited)
        {
            throw new InvalidOperationException($"BatchBus has ended:\n{_process.Output}");
        }

        try
        {
            return (await Http.GetAsync("/health/ready")).IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Creates a batch and returns its id.</summary>
    public async Task<string> SubmitAsync(object body)
    {
        var response = await Http.PostAsJsonAsync("/v1/messages/batches", body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), text);
        return JsonDocument.Parse(text).RootElement.GetProperty("id").GetString()!;
    }

    /// <summary>Polls a batch until it has ended and returns the object.</summary>
    public async Task<JsonElement> EndAsync(string id, TimeSpan within)
    {
        try
        {
            return await Eventually.ReadAsync(
                async () => await Http.GetFromJsonAsync<JsonElement>($"/v1/messages/batches/{id}"),
                batch => batch.GetProperty("processing_status").GetString() == "ended",
                $"{id} has ended",
                within);
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"{exception.Message} Output:\n{Output}", exception);
        }
    }

    /// <summary>The lines of the results file.</summary>
    public async Task<IReadOnlyList<JsonElement>> ResultsAsync(string id)
    {
        var text = await Http.GetStringAsync($"/v1/messages/batches/{id}/results");
        Assert.That(text, Does.EndWith("\n"));
        return [.. text.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement)];
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }

        await Simulator.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task ConfigureAsync(string protocol, IReadOnlyDictionary<string, string> settings)
    {
        foreach (var model in new[] { "mistral-7b", "llama-70b" })
        {
            _environment[$"BatchBus__Models__{model}__BaseUrl"] = new Uri(Simulator.BaseAddress, protocol == "OpenAi" ? "v1" : $"v2/{model}").AbsoluteUri;
            _environment[$"BatchBus__Models__{model}__Protocol"] = protocol;
            _environment[$"BatchBus__Models__{model}__ApiKey"] = "model-key";
        }

        _environment["BatchBus__DataDirectory"] = Path.Combine(_directory, "data");
        if (Mode is Mode.Real)
        {
            _redis = await RedisServer.StartAsync();
            _environment["ConnectionStrings__Redis"] = _redis.ConnectionString;
            _environment["ConnectionStrings__RabbitMq"] = await Servers.RabbitMq.CreateVirtualHostAsync(VirtualHost);
        }

        foreach (var (name, value) in settings)
        {
            _environment[name] = value;
        }
    }
}
