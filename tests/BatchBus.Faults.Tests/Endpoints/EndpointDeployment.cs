using BatchBus.Faults.Tests.Deployed;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Faults.Tests.Endpoints;

/// <summary>The deployment that the fixtures of this folder share. Every model of a scenario has an endpoint of the same name.</summary>
[SetUpFixture]
public sealed class EndpointDeployment
{
    /// <summary>The key of every endpoint.</summary>
    public const string ApiKey = "rk-9f8e7d6c5b4a-not-to-be-seen";

    /// <summary>A fifth of the usual: the bounds on trials are five times as strict.</summary>
    public static readonly TimeSpan TrialInterval = TimeSpan.FromSeconds(3);

    private static Deployment? _deployment;
    private static SimulatorServer? _model;
    private static TraceReceiver? _traces;

    public static Deployment Deployment => _deployment ?? throw new InvalidOperationException("The deployment is not started.");

    public static SimulatorServer Model => _model ?? throw new InvalidOperationException("The model is not started.");

    /// <summary>The traces of every process.</summary>
    public static TraceReceiver Traces => _traces ?? throw new InvalidOperationException("The receiver is not started.");

    /// <summary>A model that is served in the OpenAI style.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Chat(string model, params (string Name, string Value)[] more)
        => Settings(model, [("BaseUrl", $"{Deployment.ModelAddress}/v2/{model}/openai/v1"), ("Protocol", "OpenAi"), .. more]);

    /// <summary>A model that is served by RunPod jobs.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Jobs(string model, params (string Name, string Value)[] more)
        => Settings(model, [("BaseUrl", $"{Deployment.ModelAddress}/v2/{model}"), ("Protocol", "RunPodJobs"), .. more]);

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _model = await SimulatorServer.StartAsync(new SimulatorOptions { ApiKey = ApiKey });
        _traces = await TraceReceiver.StartAsync();
        _deployment = await Deployment.StartAsync(model: _model, more: new Dictionary<string, string>(
        [
            .. _traces.Settings,
            new("BatchBus__LogLevel", "Debug"),
            new("BatchBus__Worker__TrialInterval", $"{TrialInterval}"),
            .. Chat("chat-503"),
            .. Chat("chat-reset"),
            .. Jobs("jobs-503"),
            .. Jobs("jobs-reset"),
            .. Jobs("one-dead"),
            .. Jobs("all-dead"),
            .. Jobs(
                "preferred",
                ("Fallbacks__0__BaseUrl", $"{Deployment.ModelAddress}/v2/fallback"),
                ("Fallbacks__0__Protocol", "RunPodJobs"),
                ("Fallbacks__0__ServedModel", "mistral-7b"),
                ("Fallbacks__0__ApiKey", ApiKey)),
            .. Chat("locked-chat"),
            .. Jobs("locked-jobs"),
            .. Chat("open"),
            .. Chat("bounded-chat", ("MaxInFlight", "12")),
            .. Jobs("bounded-jobs", ("MaxInFlight", "12")),
            .. Jobs("limited"),
            .. Jobs("cold", ("RequestTimeout", "00:00:02")),
            .. Chat("faulty-chat", ("RequestTimeout", "00:00:02")),
            .. Jobs("faulty-jobs", ("RequestTimeout", "00:00:02")),
        ]));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_deployment is not null)
        {
            await _deployment.DisposeAsync();
        }

        if (_model is not null)
        {
            await _model.DisposeAsync();
        }

        if (_traces is not null)
        {
            await _traces.DisposeAsync();
        }
    }

    private static IEnumerable<KeyValuePair<string, string>> Settings(string model, IEnumerable<(string Name, string Value)> settings)
        => new[] { ("ServedModel", "mistral-7b"), ("ApiKey", ApiKey), ("Prefetch", $"{Deployment.Slots}") }
            .Concat(settings)
            .Select(setting => KeyValuePair.Create($"BatchBus__Models__{model}__{setting.Item1}", setting.Item2));
}
