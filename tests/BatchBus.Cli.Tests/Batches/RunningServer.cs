using System.Globalization;
using BatchBus.Api.Keys;
using BatchBus.Simulator;
using BatchBus.TestServers;

namespace BatchBus.Cli.Tests.Batches;

/// <summary>A server as operators run it, a process of its own, and a shell that knows its address and key.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly CommandLine.Running _process;

    private RunningServer(CommandLine cli, SimulatorServer models, CommandLine.Running process, string url)
    {
        _process = process;
        Cli = cli;
        Models = models;
        Url = url;
    }

    public CommandLine Cli { get; }

    public SimulatorServer Models { get; }

    public string Url { get; }

    public static async Task<RunningServer> StartAsync()
    {
        var models = await SimulatorServer.StartAsync(new SimulatorOptions());
        var cli = new CommandLine();
        var key = ApiKey.New();
        var url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{LoopbackPort.FindFree()}");
        cli.Environment["BatchBus__ApiKeys__0__Workspace"] = "sales";
        cli.Environment["BatchBus__ApiKeys__0__Hash"] = ApiKey.Hash(key);
        cli.Environment["BatchBus__Models__mistral-7b__BaseUrl"] = $"{models.BaseAddress}v1";
        cli.Environment["BatchBus__Models__mistral-7b__Prefetch"] = "4";
        cli.Environment["BATCHBUS_URL"] = url;
        cli.Environment["BATCHBUS_API_KEY"] = key;
        var server = new RunningServer(cli, models, cli.Start("serve", "--urls", url), url);
        using var http = new HttpClient { BaseAddress = new Uri(url) };
        await Eventually.ThatAsync(() => IsReadyAsync(http), "the server is ready", TimeSpan.FromSeconds(60));
        return server;
    }

    /// <summary>Runs a command that succeeds, and returns what it printed.</summary>
    public async Task<string> RunAsync(params string[] args)
    {
        var run = await Cli.RunAsync(args);
        Assert.That(run.ExitCode, Is.Zero, run.Errors);
        return run.Output.TrimEnd();
    }

    /// <summary>Submits requests and returns the id.</summary>
    public Task<string> SubmitAsync(params string[] lines) => RunAsync("submit", Cli.Write("requests.jsonl", lines));

    public async ValueTask DisposeAsync()
    {
        _process.Interrupt();
        await _process.EndAsync();
        _process.Dispose();
        await Models.DisposeAsync();
        Cli.Dispose();
    }

    private static async Task<bool> IsReadyAsync(HttpClient http)
    {
        try
        {
            return (await http.GetAsync(new Uri("/health/ready", UriKind.Relative))).IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
