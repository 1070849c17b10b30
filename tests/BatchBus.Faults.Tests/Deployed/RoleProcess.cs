using System.Diagnostics;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Deployed;

/// <summary>One process of a deployment, with a proxy on each of its edges. A worker has a model of its own, so that its calls are known as its.</summary>
public sealed class RoleProcess : IAsyncDisposable
{
    /// <summary>More than a run at the level Debug writes: tests search all of it.</summary>
    private const int LongestOutput = 64 * 1024 * 1024;

    private readonly Dictionary<string, string> _environment = [];
    private readonly bool _ownsModel;
    private readonly HttpClient _health;
    private ChildProcess? _process;

    private RoleProcess(string name, string role, int redisPort, Uri rabbitMq, IReadOnlyDictionary<string, string> settings, SimulatorServer? model, bool ownsModel)
    {
        _ownsModel = ownsModel;
        Name = name;
        Url = $"http://127.0.0.1:{LoopbackPort.FindFree()}";
        _health = new HttpClient { BaseAddress = new Uri(Url), Timeout = TimeSpan.FromSeconds(5) };
        Redis = new FaultProxy(redisPort);
        RabbitMq = new FaultProxy(rabbitMq.Port);
        _environment["BatchBus__Roles"] = role;
        _environment["ConnectionStrings__Redis"] = $"127.0.0.1:{Redis.Port}";
        _environment["ConnectionStrings__RabbitMq"] = new UriBuilder(rabbitMq) { Port = RabbitMq.Port }.Uri.AbsoluteUri;
        if (model is not null)
        {
            Calls = model;
            Model = new FaultProxy(model.BaseAddress.Port);
        }

        foreach (var modelName in new[] { "mistral-7b", "llama-70b" })
        {
            _environment[$"BatchBus__Models__{modelName}__BaseUrl"] = $"http://127.0.0.1:{Model?.Port ?? 9}/v1";
            _environment[$"BatchBus__Models__{modelName}__Protocol"] = "OpenAi";
        }

        foreach (var (setting, value) in settings)
        {
            _environment[setting] = value.Replace(Deployment.ModelAddress, $"http://127.0.0.1:{Model?.Port ?? 9}", StringComparison.Ordinal);
        }
    }

    public string Name { get; }

    public string Url { get; }

    public FaultProxy Redis { get; }

    public FaultProxy RabbitMq { get; }

    /// <summary>The edge to the model; null where the process is no worker.</summary>
    public FaultProxy? Model { get; }

    /// <summary>The witness of a worker's calls, its own unless the deployment has one for all; null where the process is no worker.</summary>
    public SimulatorServer? Calls { get; }

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>Whether the process was started with a fault of its own, and would do it again.</summary>
    public bool IsArmed { get; private set; }

    public string Output => _process?.Output ?? "";

    /// <param name="name">For messages.</param>
    /// <param name="role">What it does.</param>
    /// <param name="redisPort">Its store.</param>
    /// <param name="rabbitMq">Its broker.</param>
    /// <param name="settings">Environment variables.</param>
    /// <param name="latency">Of a worker's own model.</param>
    /// <param name="sharedModel">The model of all workers; null where each has its own.</param>
    public static async Task<RoleProcess> CreateAsync(
        string name, string role, int redisPort, Uri rabbitMq, IReadOnlyDictionary<string, string> settings, SimulatedLatency latency, SimulatorServer? sharedModel)
        => new(
            name,
            role,
            redisPort,
            rabbitMq,
            settings,
            role == "worker" ? sharedModel ?? await SimulatorServer.StartAsync(new SimulatorOptions { Latency = latency }) : null,
            ownsModel: sharedModel is null);

    /// <summary>Starts the process and waits until it is ready.</summary>
    /// <param name="failpoint">Where it dies or stalls, as <c>BATCHBUS_FAILPOINT</c> says it.</param>
    /// <param name="clockStep">How its clock is wrong, as <c>BATCHBUS_CLOCK_STEP</c> says it.</param>
    public async Task StartAsync(string? failpoint = null, string? clockStep = null)
    {
        await LaunchAsync(failpoint, clockStep);
        await Eventually.ThatAsync(IsReadyAsync, $"{Name} is ready", TimeSpan.FromSeconds(60));
    }

    /// <summary>Starts the process and waits for nothing.</summary>
    public async Task LaunchAsync(string? failpoint = null, string? clockStep = null)
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        IsArmed = failpoint is not null || clockStep is not null;
        var environment = new Dictionary<string, string>(_environment)
        {
            ["BATCHBUS_FAILPOINT"] = failpoint ?? "",
            ["BATCHBUS_CLOCK_STEP"] = clockStep ?? "",
        };
        _process = await ChildProcess.StartAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "batchbus.dll"), "serve", "--urls", Url], environment, LongestOutput);
    }

    /// <summary>Starts the process anew with a fault of its own, before it has anything to do.</summary>
    /// <inheritdoc cref="StartAsync"/>
    public Task ArmAsync(string? failpoint = null, string? clockStep = null)
    {
        if (IsRunning)
        {
            Kill();
        }

        return StartAsync(failpoint, clockStep);
    }

    /// <summary>Ends the process as a crash would (SIGKILL).</summary>
    public void Kill() => _process!.Kill();

    public void Freeze() => _process!.Freeze();

    public void Thaw()
    {
        ThawedAt = Stopwatch.GetTimestamp();
        _process!.Thaw();
    }

    /// <summary>When it was last let go on; null while it never was.</summary>
    public long? ThawedAt { get; private set; }

    /// <summary>Waits until the process has ended by itself, at its failpoint.</summary>
    public Task DiesAsync(TimeSpan? within = null) => Eventually.ThatAsync(() => !IsRunning, $"{Name} dies at its failpoint", within);

    /// <summary>Waits until the process stalls at its failpoint.</summary>
    public Task StallsAsync() => Eventually.ThatAsync(() => SaysOfFailpoint("reached"), $"{Name} stalls at its failpoint");

    /// <summary>Waits until the process goes on after it stalled.</summary>
    public Task GoesOnAsync() => Eventually.ThatAsync(() => SaysOfFailpoint("left"), $"{Name} goes on after its failpoint");

    public async ValueTask DisposeAsync()
    {
        _health.Dispose();
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        await Redis.DisposeAsync();
        await RabbitMq.DisposeAsync();
        if (Model is not null)
        {
            await Model.DisposeAsync();
            if (_ownsModel)
            {
                await Calls!.DisposeAsync();
            }
        }
    }

    private bool SaysOfFailpoint(string word)
        => Output.Split('\n').Any(line => line.StartsWith("Failpoint ", StringComparison.Ordinal) && line.EndsWith(word, StringComparison.Ordinal));

    public async Task<bool> IsReadyAsync()
    {
        if (!IsRunning)
        {
            // A failpoint may lie on the way to being ready.
            return IsArmed ? true : throw new InvalidOperationException($"{Name} has ended:\n{Output}");
        }

        try
        {
            return (await _health.GetAsync("/health/ready")).IsSuccessStatusCode;
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }
}
